// From the tree of one YAML document to a policy: keys, types, words, paths. What concerns several
// values at once is check.h's.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "plugin/model/policy.h"
#include "plugin/policy/language/fields.h"
#include "plugin/policy/language/reporter.h"
#include "plugin/policy/language/tree.h"

namespace pinscope::policy {

// The places of the values of a grant, for the checks that come later.
struct GrantMarks {
  Position pin;
  Position name;             // "as", or the pin if there is none
  Position access;           // or the pin
  bool access_known = true;  // false: it was wrong, and has been reported
  std::optional<Position> owner = {};
  std::optional<Position> mode = {};
  std::optional<Position> values = {};
};

// The same for `delegate`.
struct DelegateMarks {
  Position at;
  std::array<std::optional<Position>, model::kTokenRights.size()> rights = {};
  std::optional<Position> grants_at = {};
};

// The same for `view.values`.
struct ValuesMarks {
  Position at;
  std::optional<Position> place = {};         // of its "at"
  std::vector<Position> grants = {};          // one for each
  std::vector<std::string_view> others = {};  // its keys beside "at"
};

// The same for `select`, or for an item of `exclude`.
struct SelectMarks {
  Position at;
  std::optional<Position> kubernetes = {};
  std::optional<Position> labels = {};
  std::optional<Position> image = {};
  std::optional<Position> user = {};
  std::optional<Position> namespaces = {};
  std::optional<Position> annotations = {};
  std::optional<Position> bundle = {};
};

// A policy and the places of its values. A value that was wrong is absent or has its default.
struct PolicyDraft {
  model::Policy policy;
  Position name;
  SelectMarks select;
  std::vector<SelectMarks> exclusion_marks;  // one for each item of `exclude`
  std::optional<Position> cdi;
  std::optional<Position> view_at;
  std::optional<Position> host_bpffs;
  std::optional<ValuesMarks> values;      // if the view has them
  std::optional<DelegateMarks> delegate;  // if the policy has one
  std::vector<GrantMarks> grant_marks;    // one for each grant
};

// The keys at the top of a document, which are the same whatever its kind is.
Mapping read_document(const Field& field, Reporter& reporter);
// The kind of a document that is no policy, but a test of some.
inline constexpr const char* kPolicyTestKind = "PolicyTest";
// What a document is to be read as. A policy that is taken for a test would not come into force,
// and nobody would be told: so a document is a test only if all keys at its top are those of one,
// and each is there once.
enum class DocumentKind {
  kPolicy,  // or of a kind that there is not, which read_policy() reports
  kTest,
  kUnclear,  // it cannot be told, and why has been reported
};
DocumentKind kind_of(const Node& root, Reporter& reporter);

// Reports everything that is wrong. Nothing if the document is no mapping.
std::optional<PolicyDraft> read_policy(const Node& root, Reporter& reporter);

// Parts of read_policy: read_select.cc, read_delegate.cc, read_values.cc and read_grant.cc.
void read_select(const Field& field, PolicyDraft& draft, Reporter& reporter);
void read_exclusion(const Field& field, PolicyDraft& draft, Reporter& reporter);
void read_delegate(const Field& field, PolicyDraft& draft, Reporter& reporter);
void read_grant(const Field& field, PolicyDraft& draft, Reporter& reporter);
model::ViewValues read_values(const Field& field, ValuesMarks& marks, Reporter& reporter);
// A source pin: an absolute path or a glob of one.
std::optional<model::Pattern> read_pin(const Field& field, Reporter& reporter);
// An absolute path without globs.
std::optional<std::string> read_path(const Field& field, Reporter& reporter);

// private, host or the absolute path of a namespace.
std::optional<model::Namespace> read_namespace(const Field& field, Reporter& reporter);
// The largest id; the one above it means "no id" to the kernel.
inline constexpr uint32_t kMaxId = 4294967294;
// What is wrong with a name in the view; empty if nothing is.
std::string problem_of_name(std::string_view name);
// `metadata` with its name, and where that is.
struct NameOfDocument {
  std::string name;  // empty: it was wrong, and has been reported
  Position at = {};
};
NameOfDocument read_metadata(const Field& field, std::string_view what, Reporter& reporter);
// `view`, and where its values are.
struct ViewDraft {
  model::View view;
  std::optional<Position> at = {};
  std::optional<Position> host_bpffs = {};
  std::optional<ValuesMarks> values = {};
};
ViewDraft read_view(const Field& field, Reporter& reporter);
// Reports where the value of `key` is another word.
void read_constant(Mapping& document, std::string_view key, std::string_view wanted,
                   Reporter& reporter);

// A path in the container where a view or a part of it can be mounted, and how to speak of it.
struct ViewPlace {
  std::string_view what;
  std::string_view is;
  std::string_view usual;
};
inline constexpr ViewPlace kPlaceOfView = {"the view", "is",
                                           "/sys/fs/bpf and /run/bpf are the usual places"};
inline constexpr ViewPlace kPlaceOfValues = {"the values", "are", "/run/bpf is the usual place"};
inline constexpr ViewPlace kPlaceOfGrants = {"the grants", "are",
                                             "/run/pinscope is the usual place"};
std::optional<std::string> read_view_path(const Field& field, const ViewPlace& place,
                                          Reporter& reporter);

}  // namespace pinscope::policy
