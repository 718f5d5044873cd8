// What a process of the host does to itself before it becomes somebody's session: a mount namespace
// of its own, then another user. For `pinscope run`; containers are the runtimes' business.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::kernel {

// unshare(2) CLONE_NEWNS. What the host mounts later still appears here, nothing from here appears
// there; below /sys neither, so that no later mount covers a view in its usual place.
Status leave_mount_namespace();

// The user, the groups and all capabilities that go with root; there is no way back.
Status become_user(uint32_t uid, uint32_t gid, const std::vector<uint32_t>& groups);

}  // namespace pinscope::kernel
