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

// Of the container with this process, which started then; held as long as the descriptor, or one
// that a child has of it, is open: a child that a file system of the container's keeps for ever
// keeps the lock as well, so that no other follows it there. kRecord: somebody else has it, and did
// not let go of it in time.
Result<Fd> lock_change(const std::string& state_directory, pid_t pid, uint64_t process_start,
                       std::chrono::milliseconds timeout);

// The same for those who only look around in a mount namespace, for whom it is held for a moment,
// by whoever does: whatever is on their way there, it keeps one of them. To be opened while paths
// are the host's.
class LookLocks {
 public:
  LookLocks() = default;
  // Where the directory cannot be opened nobody is kept out.
  explicit LookLocks(const std::string& state_directory);
  // `space`: a number that no other namespace gets, see kernel::lasting_number(). Waits for `left`,
  // which has what is left of it afterwards, then says ETIME. Not valid where there is no lock.
  Result<Fd> lock(uint64_t space, std::chrono::milliseconds& left) const;

 private:
  Fd directory_;
};

}  // namespace pinscope::record
