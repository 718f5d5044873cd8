// Runs the hook as a child, as a container runtime would.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/daemon/options.h"
#include "plugin/model/container.h"

namespace pinscope::daemon {

// The hook's arguments for a stage, with argv[0]: those options that are not the hook's defaults,
// the engine of `subject`, which decides whose annotations are believed, and its pod labels, which
// no engine writes into a container's configuration.
std::vector<std::string> hook_arguments(const Options& options, const model::Container& subject,
                                        const std::string& stage);

// State JSON for the hook's stdin.
std::string state_json(const std::string& id, const std::string& status, pid_t pid,
                       const std::string& bundle);

// Runs `program` with `arguments` (argv[0] among them), an empty environment, `input` on stdin, in
// "/". An error carries the last line that it printed on stderr. One that has not ended by
// `deadline` is killed, with the processes that it started.
Status run_hook(const std::string& program, const std::vector<std::string>& arguments,
                const std::string& input, std::chrono::steady_clock::time_point deadline);

}  // namespace pinscope::daemon
