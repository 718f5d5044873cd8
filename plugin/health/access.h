// Settings that can keep a container from using a granted map although its view is there: the
// kernel's switches for bpf(2), lockdown, SELinux, AppArmor.
#pragma once

#include <string>

#include "plugin/model/finding.h"

namespace pinscope::health {

// Reads files below `root`, which tests set.
model::Findings check_access(const std::string& root = "");

}  // namespace pinscope::health
