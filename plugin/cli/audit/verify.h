// `pinscope audit --verify`: is the trail what was written?
#pragma once

#include <string>

#include "plugin/cli/term/command.h"

namespace pinscope::cli {

// Follows the chain through the files of the trail and prints what it finds. `expected`: a digest
// that a line must have; empty: none. kExitFailure if a line was changed, removed or put in.
Result<ExitStatus> verify_trail(const Settings& settings, const std::string& expected);

}  // namespace pinscope::cli
