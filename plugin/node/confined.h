// Work on YAML in a process of its own, without capabilities and with limits on memory and time.
#pragma once

#include <functional>
#include <string>

#include "plugin/base/result.h"

namespace pinscope::node {

// Runs `work` in a child and gives what it gives. Of an error only its code and its text come back. The child has
// this process's standard streams. This process must have one thread.
Result<std::string> run_confined(const std::function<Result<std::string>()>& work);

}  // namespace pinscope::node
