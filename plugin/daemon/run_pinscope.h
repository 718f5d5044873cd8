// How pinscoped has `pinscope` do something: in a process of its own, with the options that this
// one was given. What enters containers and reads what others wrote is neither in this process's
// memory nor able to end it.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/daemon/options.h"
#include "plugin/host/run_program.h"

namespace pinscope::daemon {

// Runs it with these words, a command and its options, and options for the policies, the state
// directory and the audit trail. Keeps `max_output` bytes of what it prints. kSystem: it did not
// run to its end in time; what its exit status says is for the caller.
Result<ProgramEnd> run_pinscope(const Options& options, std::vector<std::string> words,
                                size_t max_output, std::chrono::milliseconds time);

}  // namespace pinscope::daemon
