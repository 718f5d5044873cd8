// What may stand between a container and a map that it was granted, though its view is there: the
// kernel's switches for bpf(2), lockdown, SELinux, AppArmor.
#pragma once

#include <string>

#include "plugin/model/finding.h"

namespace pinscope::health {

// Reads files below `root`, which tests set.
model::Findings check_access(const std::string& root = "");

}  // namespace pinscope::health
