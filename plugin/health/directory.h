// A directory that only root may change.
#pragma once

#include <string>

#include "plugin/model/finding.h"

namespace pinscope::health {

// `area` and `name` of the finding.
model::Finding check_directory(const char* area, const char* name, const std::string& path);

}  // namespace pinscope::health
