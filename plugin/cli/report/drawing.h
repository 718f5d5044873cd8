// A report's matrix as one SVG drawing, for pages and slides of people's own.
#pragma once

#include <string>

#include "plugin/cli/report/page.h"

namespace pinscope::cli {

std::string drawing_of(const Report& report);

}  // namespace pinscope::cli
