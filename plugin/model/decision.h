// Policy applied to one container: what it gets, what it is refused, and the rule behind each. Pure
// data, printable, comparable in tests; no rule is evaluated after this.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/model/policy.h"

namespace pinscope::model {

// The rule that caused something: a policy and where it says so.
struct Rule {
  std::string policy;
  Place place;

  friend bool operator==(const Rule&, const Rule&) = default;
};
std::string to_string(const Rule& rule);  // policy "flow-readers" at flow.yaml:14:5

// One source that the container gets under one name: as a pin in the view, as files of its values,
// or both.
struct GrantedPin {
  std::string source;  // absolute path on the host, no globs left
  std::string name;    // relative to view.at
  Access access = Access::kRead;
  uint32_t uid = 0;  // as the container sees them
  uint32_t gid = 0;
  uint32_t mode = 0;
  Expect expect;
  Missing missing = Missing::kFail;
  bool follow = false;  // the view is to have what the source names while the container runs
  // Only globs ask for it: whoever may make names below them may not stop a start, so what cannot
  // be granted is left out.
  bool is_match = false;
  Rule rule;
  // What the source was when it was compared with what is denied, and has to be when it is opened.
  std::optional<ObjectIdentity> object;
  bool pin = true;               // it is in the view
  std::optional<Values> values;  // its entries are shown, if it turns out to be a map
  friend bool operator==(const GrantedPin&, const GrantedPin&) = default;
};

// "only" of what is no pin, "also" of a pin whose values are shown.
ValuesMode mode_of(const GrantedPin& grant);
// What can be done, for people: "read", "read and values", "values".
std::string access_text(const GrantedPin& grant);
// Its source, for people: "/sys/fs/bpf/flows", "/sys/fs/bpf/flows (followed)".
std::string source_text(const GrantedPin& grant);
// How values are shown, for people: "json, 10000 listed, 0 ms old"; "none".
std::string values_text(const GrantedPin& grant);
// Whether a view of this layout keeps to its access: bind mounts the host's pins themselves, which
// whoever sees them can write.
bool can_enforce(Layout layout, const GrantedPin& grant);

// A pin that a grant asked for and a denial took away.
struct RefusedPin {
  std::string source;
  std::string name;
  Rule granted_by;
  Rule denied_by;
  std::string denied_as;  // the pin that is denied, if it is another one of the same object
  std::optional<GrantedPin> grant = {};  // what an exception took away, to be given back
  friend bool operator==(const RefusedPin&, const RefusedPin&) = default;
};

// What the view follows beside the grants that it has: a glob, which more pins may come to match,
// or a source that is denied for the object that it names now.
struct FollowedPattern {
  Pattern pin;
  Rule rule;
  friend bool operator==(const FollowedPattern&, const FollowedPattern&) = default;
};

// What the container may load by itself.
struct Delegation {
  TokenRights rights;
  // cgroup_inet_ingress is among the rights only because programs without an attach type need it.
  bool added_attach_type_none = false;
  bool pinning = false;
  ProgramReach reach = ProgramReach::kContainer;  // the least of what the policies say
  std::string grants_at = kDefaultGrantsAt;
  std::vector<Rule> rules;  // at least one
  friend bool operator==(const Delegation&, const Delegation&) = default;
};

struct Decision {
  // Empty: no policy selects the container and it is left alone.
  std::vector<Rule> selected_by;
  std::string at = kDefaultViewAt;
  std::string values_at = kDefaultValuesAt;  // where values are, if any are shown
  Layout layout = Layout::kShared;
  HostBpffs host_bpffs = HostBpffs::kMask;
  std::optional<Rule> void_rejected_by;  // the container does not start if its view would be void
  std::vector<GrantedPin> grants;        // in the order of their names
  std::optional<Delegation> delegation;
  std::vector<RefusedPin> refusals;
  std::vector<FollowedPattern> followed;
  OnChange on_change = OnChange::kReport;
  std::vector<std::string>
      notes;  // worth telling, not a reason to stop: a glob that matches nothing

  [[nodiscard]] bool selected() const { return !selected_by.empty(); }
  // Whether any grant is a pin in the view. Without one there is no view.
  [[nodiscard]] bool has_pins() const;
  // Whether the values of any grant are shown.
  [[nodiscard]] bool shows_values() const;
  // The grant of this source under this name; null: there is none.
  [[nodiscard]] const GrantedPin* find_grant(const std::string& source,
                                             const std::string& name) const;
  // The directory that holds the grants: `at`, unless the bpffs that delegates is there.
  [[nodiscard]] const std::string& grants_at() const {
    return delegation ? delegation->grants_at : at;
  }
  friend bool operator==(const Decision&, const Decision&) = default;
};

}  // namespace pinscope::model
