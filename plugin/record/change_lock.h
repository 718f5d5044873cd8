// Lets one process at a time change the view of a container, and one look at it. The hook needs no
// such lock: it writes a record before there is a view, and removes it when the container has
// ended, and whoever changes the view between the two finds its record replaced or gone.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope::record {

// Of the container with this process; held as long as the descriptor, or one that a child has of
// it, is open. kRecord: somebody else has it, and did not let go of it in time.
// A child that a file system of the container's keeps for ever keeps the lock as well, so that no
// other follows it there.
Result<Fd> lock_change(const std::string& state_directory, pid_t pid,
                       std::chrono::milliseconds timeout);

// The same for those who only look around in the mount namespace with this number, for whom it is
// held for a moment, by whoever does: whatever is on their way there, it keeps one of them. Waits
// for `left`, which has what is left of it afterwards, then says ETIME. Where there is no such
// file and none can be made, nobody is kept out: not valid.
Result<Fd> lock_look(const std::string& state_directory, uint64_t mount_namespace,
                     std::chrono::milliseconds& left);

}  // namespace pinscope::record
