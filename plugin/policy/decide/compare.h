// What differs between two lists of grants of one container: those that it has, or would have by
// other policies, and those that policies give it. Pure; one comparison for every command that
// shows such differences.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "plugin/model/decision.h"

namespace pinscope::policy {

// What became of one grant, in the order in which people should see it.
enum class GrantChange {
  kWidened,  // more can be done with it, or by more users; or it cannot be told that it is not more
  kGained,   // it was not there
  kNarrowed,  // less can be done with it, and nothing more
  kLost,      // it is gone
  kChanged,   // the same rights in another way: name, expectations, what happens if it is missing
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
  friend bool operator==(const ComparedGrant&, const ComparedGrant&) = default;
};

// Each grant of both lists once, by its change and its name. Two grants are compared if they have
// one source and one name, or else one source: that it is called otherwise is a change. Another
// source under the same name is one grant lost and one gained, because it is the source that
// counts. Rules, `object` and `is_match` are not compared. Who does not know `expect` or `missing`
// of one side leaves them out of both.
std::vector<ComparedGrant> compare_grants(const std::vector<model::GrantedPin>& before,
                                          const std::vector<model::GrantedPin>& after);

// Whether anybody could do more with `after` than with `before`, by its access, owner and mode. A
// user who owns it now was nobody's member before, because who is in which group is not known.
bool widens(const model::GrantedPin& before, const model::GrantedPin& after);

// Something of a decision beside its grants that differs.
struct ViewChange {
  std::string what;  // "selected by", "view.at", "view.layout", "view.hostBpffs", "view.void", …
  std::string before;  // the words of policies
  std::string after;
  bool widens = false;  // the container reaches more by it, or starts where it was refused
  friend bool operator==(const ViewChange&, const ViewChange&) = default;
};

// Views, and what is delegated: those that give more first. To a container that no policy selects
// nothing is done, so that a bpffs of the host stays where it is mounted. Which policies select a
// container counts where the others stay the same.
std::vector<ViewChange> compare_views(const model::Decision& before, const model::Decision& after);

}  // namespace pinscope::policy
