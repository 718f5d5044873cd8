// The grants of one container: those that it was given, beside those of the decision. Internal to
// the room.
#pragma once

#include <vector>

#include "plugin/drift/drift.h"

namespace pinscope::drift {

// Entries without a subject. Without a decision, or if no policy selects the container, only what
// became of the sources.
std::vector<Entry> drift_of_grants(const Running& container);

}  // namespace pinscope::drift
