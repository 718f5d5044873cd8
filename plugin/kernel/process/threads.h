// A process whose first thread has ended runs on by its others. /proc/PID then shows no root, no
// namespaces and no mounts; the directories of the other threads do.
#pragma once

#include <sys/types.h>

#include <string>

namespace pinscope::kernel {

// The directory in /proc that shows what the process `pid` is in: "42", or that of a thread that
// lives, "42/task/43". "42" as well if no thread lives, or it may not be looked at.
std::string living_thread(pid_t pid);

}  // namespace pinscope::kernel
