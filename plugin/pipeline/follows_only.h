// What of a container's view would be different only because of what it follows, and not because
// its policies are others. Pure.
#pragma once

#include <optional>
#include <vector>

#include "plugin/model/record.h"
#include "plugin/pipeline/decide_again.h"

namespace pinscope {

// The grants of its policies are those of its record: each with the same rights under the same
// name. A source that is followed may name another object or none, and a glob that is followed may
// match others. `restart` must have a decision.
bool follows_only(const model::Record& record, const Restart& restart);

// What the container has, for whom its policies, which are others now, are to be reported only:
// each source names the object that it has, or, where it is followed and `now` gives it with no
// less rights, whatever it names by now. What exceptions gave that are in force no more goes, and
// what they took comes back if `now` gives it. `exceptions`: those in force. Its sources are not
// looked at yet. Nothing if nothing of it could be different.
struct Kept {
  struct Grant {
    bool stays_out = false;                      // it was left out, and is
    std::optional<model::ObjectInfo> had;        // what it has been
    std::optional<model::GrantedPin> given_now;  // what `now` gives with no less rights
  };
  Restart restart;
  std::vector<Grant> grants;  // of each of the decision, in its order
};
std::optional<Kept> what_stays(const model::Record& record, const Restart& now,
                               const std::vector<model::Exception>& exceptions);

}  // namespace pinscope
