// The records of running containers, and what they say of the machine.
#pragma once

#include <string>

#include "plugin/model/finding.h"

namespace pinscope::health {

model::Findings check_records(const std::string& state_directory);

}  // namespace pinscope::health
