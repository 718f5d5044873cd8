// What a process of the values gives up before it listens to anybody: everything. It goes on with
// the descriptors that it has.
#pragma once

#include <sys/types.h>

#include <string>

#include "plugin/base/result.h"

namespace pinscope::daemon {

// Users of their own for two processes that have no right to anything. Engines know no user above
// 2^31 - 1 (moby/sys/user, maxID) and systemd gives out none there, so neither is a container's,
// which could signal what runs as the same user; nor are the two each other's.
inline constexpr uid_t kHolderUser = 4294900000;
inline constexpr uid_t kWorkerUser = 4294900001;

// This process becomes `user`, with the group of the same number and no other, without a capability
// in any set, no_new_privs, out of reach of debuggers; `root`, an empty directory, is its root
// directory; it can start no process, and leaves no core file. Needs root and one thread.
Status confine(uid_t user, const std::string& root);

// The empty directory below the state directory, which is made; its path.
Result<std::string> make_empty_root(const std::string& state_directory);

}  // namespace pinscope::daemon
