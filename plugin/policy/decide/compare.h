// What differs between two lists of grants of one container: those that it has, or would have by
// other policies, and those that policies give it. Pure; one comparison for every command that
// shows such differences.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "plugin/model/decision.h"
#include "plugin/policy/decide/past_view.h"

namespace pinscope::policy {

// What became of one grant, in the order in which people should see it.
enum class GrantChange {
  kWidened,  // more can be done with it, or by more users; or it cannot be told that it is not more
  kGained,   // it was not there
  kNarrowed,  // less can be done with it, and nothing more
  kLost,      // it is gone
  kChanged,   // the same rights in another way: name, expectations, what if it is missing, follow
  kSame,      // its rule may be another one
};
inline constexpr auto kGrantChanges =
    std::to_array<GrantChange>({GrantChange::kWidened, GrantChange::kGained, GrantChange::kNarrowed,
                                GrantChange::kLost, GrantChange::kChanged, GrantChange::kSame});

// "widened", "gained", …: the words of every output.
const char* name_of(GrantChange change);

struct ComparedGrant {
  GrantChange change = GrantChange::kSame;
  std::optional<model::GrantedPin> before;  // not of kGained
  std::optional<model::GrantedPin> after;   // not of kLost
  bool past_view_before = false;            // it can do everything with the source beside its view
  bool past_view_after = false;
  friend bool operator==(const ComparedGrant&, const ComparedGrant&) = default;
};

// Each grant of both lists once, by its change and its name. Two grants are compared if they have
// one source and one name, or else one source: that it is called otherwise is a change. Another
// source under the same name is one grant lost and one gained, because it is the source that
// counts. Rules, `object` and `is_match` are not compared. Who does not know `expect` or `missing`
// of one side leaves them out of both.
std::vector<ComparedGrant> compare_grants(const std::vector<model::GrantedPin>& before,
                                          const std::vector<model::GrantedPin>& after);

// Whether anybody could do more with `after` than with `before`, by its access, owner and mode, and
// by whether it is a pin and its values are shown. A
// user who owns it now was nobody's member before, because who is in which group is not known.
bool widens(const model::GrantedPin& before, const model::GrantedPin& after);

// compare_grants() for a container, with what it has beside its view before and after. What it
// could do anyway is not gained by a grant, and not lost with one: then `change` says what becomes
// of all that it can do with the source.
struct Side {
  const model::Decision& decision;
  const PastView& past;
};
std::vector<ComparedGrant> compare_grants(const Side& before, const Side& after);

// Something of a decision beside its grants that differs.
struct ViewChange {
  std::string what;    // "selected by", "view.at", "view.layout", "view.hostBpffs", "onChange", …
  std::string before;  // the words of policies
  std::string after;
  bool widens = false;   // the container reaches more by it, or starts where it was refused
  bool narrows = false;  // the other way round
  friend bool operator==(const ViewChange&, const ViewChange&) = default;
};

// `one` before, `other` after. Views, and what is delegated: those that give more first. To a
// container that no policy selects nothing is done, so that a bpffs of the host stays where it is
// mounted; where none is mounted, view.hostBpffs is left out. Nothing is more for a container that
// has everything already.
std::vector<ViewChange> compare_views(const Side& one, const Side& other);

}  // namespace pinscope::policy
