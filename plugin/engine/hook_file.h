// The hook configuration files of oci-hooks(5), version 1.0.0, which Podman and CRI-O read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::engine {

// The file that runs `program` with `arguments` and the stage's name for every container. One file
// for each stage: the engine does not tell a hook at which stage it runs, so its arguments must.
std::string hook_file(const std::string& program, const std::vector<std::string>& arguments,
                      std::string_view stage);
// The program that such a file runs.
Result<std::string> program_of_hook_file(std::string text, const std::string& name);

}  // namespace pinscope::engine
