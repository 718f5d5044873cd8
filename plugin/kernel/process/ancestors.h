// The processes above one: a container's has the runtime and whatever watches over it there, the
// hook the runtime that called it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::kernel {

// Nothing where there is no such process, or its parent is in another process namespace.
std::optional<pid_t> parent_of_process(pid_t pid);

// What the process was started with, the program's name first (/proc/PID/cmdline, which nobody but
// itself and root can change). Empty for one that has ended or belongs to the kernel.
Result<std::vector<std::string>> command_line_of(pid_t pid);

}  // namespace pinscope::kernel
