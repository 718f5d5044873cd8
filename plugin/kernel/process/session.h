// How a process of the host becomes somebody's session: it enters a new mount namespace, then
// becomes another user. For `pinscope run`; runtimes do this for containers.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::kernel {

// Enters a new mount namespace (unshare(2), CLONE_NEWNS). What the host mounts later still appears
// in it, except below /sys, so that nothing covers a view in its usual place. Nothing that is
// mounted in it appears on the host.
Status leave_mount_namespace();

// Changes user and groups and gives up all capabilities of root; there is no way back.
Status become_user(uint32_t uid, uint32_t gid, const std::vector<uint32_t>& groups);

}  // namespace pinscope::kernel
