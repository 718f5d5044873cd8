// What of a container's view would be different only because of what it follows, and not because
// its policies are others. Pure.
#pragma once

#include "plugin/model/record.h"
#include "plugin/pipeline/change/decide_again.h"

namespace pinscope {

// The grants of its policies are those of its record: each with the same rights under the same
// name. A source that is followed may name another object or none, and a glob that is followed may
// match others. `restart` must have a decision.
bool follows_only(const model::Record& record, const Restart& restart);

}  // namespace pinscope
