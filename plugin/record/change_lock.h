// Lets one process at a time change the view of a container. The hook needs no such lock: it writes
// a record before there is a view, and removes it when the container has ended, and whoever changes
// the view between the two finds its record replaced or gone.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope::record {

// Of the container with this process; held as long as the descriptor, or one that a child has of
// it, is open. kRecord: somebody else has it, and did not let go of it in time.
Result<Fd> lock_change(const std::string& state_directory, pid_t pid,
                       std::chrono::milliseconds timeout);

}  // namespace pinscope::record
