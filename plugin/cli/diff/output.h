// The differences as text and as JSON.
#pragma once

#include <string>

#include "plugin/cli/diff/difference.h"
#include "plugin/cli/term/terminal.h"

namespace pinscope::cli {

// Containers for which the same would change are put together.
std::string to_text(const Comparison& comparison, const Palette& palette);
// docs/schemas/diff.json describes it.
std::string to_json(const Comparison& comparison);

}  // namespace pinscope::cli
