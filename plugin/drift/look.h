// Reads the machine and compares: every container that runs, by Pinscope's records and by what the
// runtimes keep of theirs.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/drift/drift.h"
#include "plugin/model/policy.h"

namespace pinscope::drift {

struct Places {
  std::string state_directory;
  // Only the container with this id, or those whose ids begin with it. Empty: all, and what is no
  // running container's: leftovers and damaged records.
  std::string container = {};
  // What is not looked at by then is an entry of kUnknown. A container that does not answer takes
  // up to three seconds, or half of the time if that is less.
  inventory::Examiner::Time until = inventory::Examiner::Time::max();
};

// `policies`: those that the next start would use. Needs root. Starts no program, few
// processes (see inventory::Examiner); changes the working directory. This process must have one
// thread. Errors are of the state directory; what else cannot be read is an entry.
//
// Not seen: containers without a record of runtimes with another --root than the usual ones
// (inventory/runtime_states.h), and of a pod's labels those that no hook was told.
Result<Drift> look_for_drift(const std::vector<model::Policy>& policies, const Places& places);

}  // namespace pinscope::drift
