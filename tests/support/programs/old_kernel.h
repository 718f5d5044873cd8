// What a program under test would be told by Debian 12's kernel (Linux 6.1), as far as a view
// depends on it: no listmount(2) and statmount(2), no BPF_F_PATH_FD, no MOVE_MOUNT_BENEATH, no
// events of mounts, and neither a clone of a tree that is attached nowhere nor a mount in it. For
// running a suite once more where this machine's kernel is newer: docs/testing.md.
#pragma once

#include "tests/support/programs/supervisor.h"

namespace pinscope::test {

// To supervise a program with. It needs the program's /proc.
Verdict refuse_what_is_new(const SystemCall& call);

}  // namespace pinscope::test
