// An explanation for programs. docs/man/pinscope.1 describes the fields.
#pragma once

#include <string>

#include "plugin/cli/explain/explanation.h"

namespace pinscope::cli {

// The explanation as one JSON object and a newline.
std::string to_json(const Explained& explained);

}  // namespace pinscope::cli
