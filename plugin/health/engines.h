// The engines of this machine, and whether they meet Pinscope.
#pragma once

#include "plugin/model/finding.h"

namespace pinscope::health {

model::Findings check_engines();

}  // namespace pinscope::health
