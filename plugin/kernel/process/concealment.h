// How a program of ours keeps out of reach of a container that sees its entry in /proc. The kernel
// lets a process that has another's ids, and capabilities that include the other's, do with it what
// a debugger may, and open /proc/PID/root (kernel/ptrace.c, __ptrace_may_access): root in a
// container, with the host's process ids and the capabilities that engines give, matches every
// program of the host's root that holds few.
#pragma once

#include "plugin/base/result.h"

namespace pinscope::kernel {

// Call it first in main(). Forked processes inherit the effect; execve(2) undoes it. If this
// process is root:
//
// - it is not dumpable, and leaves no core file;
// - its saved group is not its group, so that nobody's ids are the same as its own. That holds also
//   while it ends, when many kernels ask no more whether it was dumpable, and it is all that
//   prlimit(2) asks.
//
// Only CAP_SYS_PTRACE (for limits CAP_SYS_RESOURCE) gets past it. The second point needs
// CAP_SETGID, and is left out without it: see is_set_apart().
//
// From execve(2) to this call a process is covered by its capabilities alone: start no program of
// ours with fewer than an attacker has; it drops them itself, after this.
Status conceal_process();

// Conceals the process again after a change of ids, which makes it as dumpable as fs.suid_dumpable
// says.
Status stay_concealed();

// False if conceal_process() could not set the saved group.
bool is_set_apart();

}  // namespace pinscope::kernel
