// A policy as it was written: whom it selects, what it grants, what it denies. Made by policy/ from
// YAML or from the compiled set; passive data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plugin/model/container.h"
#include "plugin/model/object.h"
#include "plugin/model/token_rights.h"
#include "plugin/model/values.h"

namespace pinscope::model {

// A place in a policy file: its name ("flow.yaml"), line and column, both from 1.
struct Place {
  std::string file;
  uint32_t line = 0;
  uint32_t column = 0;

  friend bool operator==(const Place&, const Place&) = default;
};
std::string to_string(const Place& place);  // "flow.yaml:14:5"

// The right that a grant gives. kUse is for programs, which have no access mode: whoever has one
// may run it, and attach and detach it wherever its descriptors reach.
enum class Access { kRead, kReadWrite, kUse };
// What becomes of a start whose source is missing. kWait: as kSkip, and it is expected to come;
// such a grant follows its source.
enum class Missing { kFail, kSkip, kWait };
enum class Layout { kShared, kPerMap, kBind };
enum class HostBpffs { kMask, kReject, kAllow };
// What becomes of a container whose view would be void (see model/bypass.h).
enum class VoidView { kAllow, kReject };
// Whether containers that run are given what a policy says once it is changed: never unasked,
// unless that leaves many of them without anything, or in any case.
enum class OnChange { kReport, kApply, kApplyAlways };
// How far the programs that a container loads by itself may reach, where the kernel would let them.
enum class ProgramReach { kContainer, kWholeMachine };

// Whether a pin with this access has to open without BPF_F_RDONLY, as clients ask by default. A
// read grant is in a sealed file system, where no map opens that way; programs still open.
bool opens_for_writing(Access access);

// The words of policies and of every output: "read", "read-write", "use"; "fail", "skip", "wait"; …
const char* name_of(Access access);
const char* name_of(Missing missing);
const char* name_of(Layout layout);
const char* name_of(HostBpffs host_bpffs);
const char* name_of(VoidView void_view);
const char* name_of(OnChange on_change);
const char* name_of(ProgramReach reach);

// Text that may hold globs (see policy/glob.h for what matches).
using Pattern = std::string;

// One `namespaces:` entry: the container's namespace of this kind must be host, private or the very
// namespace at `path`. Several entries of one kind are alternatives.
struct NamespaceSelector {
  NamespaceKind kind = NamespaceKind::kUser;
  Namespace wanted;
  friend bool operator==(const NamespaceSelector&, const NamespaceSelector&) = default;
};

// All keys must match; a list means any of its entries; an absent key matches every container.
struct Select {
  std::vector<Engine> engines;
  std::vector<Pattern> kubernetes_namespaces;
  std::vector<Pattern> kubernetes_pods;
  std::vector<Pattern> kubernetes_containers;
  std::vector<std::pair<std::string, std::vector<Pattern>>>
      kubernetes_labels;  // key, any of the patterns
  std::vector<Pattern> images;
  std::vector<Pattern> bundles;
  std::vector<uint32_t> uids;
  std::vector<uint32_t> gids;
  std::vector<NamespaceSelector> namespaces;
  std::vector<std::pair<std::string, std::vector<Pattern>>>
      annotations;  // key, any of the patterns
  friend bool operator==(const Select&, const Select&) = default;
};

// An item of `exclude`: the policy does not select a container that all keys of `matching` match.
struct Exclusion {
  Place place;
  Select matching;  // at least one key
  friend bool operator==(const Exclusion&, const Exclusion&) = default;
};

// `view.values`: the entries of the maps that are granted are shown as files. What is left out of
// `at` is decided by the container's other policies; the rest is for this policy's grants.
struct ViewValues {
  ValuesMode mode = ValuesMode::kAlso;  // never kNone
  std::optional<std::string> at;        // absolute path in the container; default /run/bpf
  std::vector<Pattern> grants;          // names in the view; empty: every map
  std::optional<ValueForm> form;        // default json
  std::optional<uint32_t> list;         // default kDefaultListed
  std::optional<uint32_t> max_age_ms;   // default 0
  friend bool operator==(const ViewValues&, const ViewValues&) = default;
};

// How the view appears. What a policy leaves out is decided by the container's other policies, or
// is the default.
struct View {
  std::optional<std::string> at;        // absolute path in the container; default /sys/fs/bpf
  std::optional<Layout> layout;         // default shared
  std::optional<HostBpffs> host_bpffs;  // default mask
  std::optional<VoidView> void_view;    // default allow
  std::optional<ViewValues> values;     // default: none are shown
  friend bool operator==(const View&, const View&) = default;
};
inline constexpr const char* kDefaultViewAt = "/sys/fs/bpf";

// What the object must be; an absent field is not checked.
struct Expect {
  std::optional<ObjectKind> kind;
  std::optional<uint32_t> map_type;      // enum bpf_map_type
  std::optional<uint32_t> program_type;  // enum bpf_prog_type
  std::optional<uint32_t> link_type;     // enum bpf_link_type
  std::optional<uint32_t> key_size;      // bytes
  std::optional<uint32_t> value_size;    // bytes
  std::optional<uint32_t> max_entries;
  std::optional<std::string> object_name;  // the name given at load time, up to 15 bytes
  friend bool operator==(const Expect&, const Expect&) = default;
};

struct Grant {
  Place place;
  Pattern pin;  // absolute path of a source pin on the host, or a glob
  std::string
      as;  // name in the view, "a/b" allowed; for a glob the directory that holds the matches
  Access access = Access::kRead;
  std::optional<uint32_t> uid;  // as the container sees them; default: the container's process
  std::optional<uint32_t> gid;
  std::optional<uint32_t> mode;  // default 0440 for read, 0660 for read-write and use
  Expect expect;
  Missing missing = Missing::kFail;
  bool follow = false;  // the view is to have what the source names while the container runs
  std::optional<ValuesMode> values;  // default: as view.values says for it
  friend bool operator==(const Grant&, const Grant&) = default;
};

struct Deny {
  Place place;
  Pattern pin;
  friend bool operator==(const Deny&, const Deny&) = default;
};

// What programs in the container may load by themselves, through a BPF token (Linux 6.9).
struct Delegate {
  Place place;
  TokenRights rights;
  bool pinning = false;  // they may pin in the bpffs that gives the token
  ProgramReach reach = ProgramReach::kContainer;
  std::optional<std::string> grants_at;  // where grants are if there are any; default below
  friend bool operator==(const Delegate&, const Delegate&) = default;
};
inline constexpr const char* kDefaultGrantsAt = "/run/pinscope";

struct Policy {
  Place place;
  std::string name;
  bool cdi = false;  // can be asked for as a CDI device
  Select select;
  std::vector<Exclusion> exclusions;
  View view;
  std::optional<OnChange> on_change;  // default report
  std::optional<Delegate> delegate;
  std::vector<Grant> grants;
  std::vector<Deny> denials;
  friend bool operator==(const Policy&, const Policy&) = default;
};

}  // namespace pinscope::model
