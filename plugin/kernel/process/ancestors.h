// The ancestors of a process. Above a container's process are the runtime and whatever watches over
// it; above the hook is the runtime that called it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::kernel {

// The parent; nothing if there is no such process, or its parent is in another PID namespace.
std::optional<pid_t> parent_of_process(pid_t pid);

// The arguments that the process was started with, the program's name first (/proc/PID/cmdline,
// which nobody but itself and root can change). Empty for one that has ended or belongs to the
// kernel.
Result<std::vector<std::string>> command_line_of(pid_t pid);

// The file that the process runs (/proc/PID/exe), whatever link or name it was started by.
Result<std::string> program_of(pid_t pid);

}  // namespace pinscope::kernel
