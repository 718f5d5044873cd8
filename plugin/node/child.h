// Work in a process of its own: on YAML without capabilities and with limits, on the node's files
// with the node's root directory. This process must have one thread.
#pragma once

#include <string>

#include "plugin/base/result.h"
#include "plugin/kernel/process/child.h"

namespace pinscope::node {

using kernel::Work;

// Both run `work` in a child and give its result. The child has this process's descriptors but none
// of its streams.
Result<std::string> run_confined(const Work& work);
Result<std::string> run_in_root(const std::string& root, const Work& work);

}  // namespace pinscope::node
