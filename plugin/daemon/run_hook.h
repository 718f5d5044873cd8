// Runs the hook as a child, as a container runtime would.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::daemon {

// State JSON for the hook's stdin.
std::string state_json(const std::string& id, const std::string& status, pid_t pid,
                       const std::string& bundle);

// Runs `program` with `arguments` (argv[0] among them), an empty environment, `input` on stdin, in
// "/". An error carries the last line that it printed on stderr. A hook that has not ended by
// `deadline` is killed, with the processes that it started.
Status run_hook(const std::string& program, const std::vector<std::string>& arguments,
                const std::string& input, std::chrono::steady_clock::time_point deadline);

}  // namespace pinscope::daemon
