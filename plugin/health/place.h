// Where doctor runs: as whom, and whether on the machine itself. What cannot be told there is named
// once, here, and the other parts leave it out: a user is not told that something is wrong because
// it is not theirs to look at, and what is found in a container is not taken for the machine.
#pragma once

#include "plugin/model/finding.h"

namespace pinscope::health {

bool is_root();
// Whether this process is in the machine's own PID and user namespaces: what is mounted, installed
// and running is the machine's then.
bool is_on_machine();

// Nothing where all can be told.
model::Findings check_place();

}  // namespace pinscope::health
