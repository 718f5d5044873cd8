// The container runtimes that are installed, and the programs of Pinscope.
#pragma once

#include "plugin/model/finding.h"

namespace pinscope::health {

model::Findings check_runtimes();

}  // namespace pinscope::health
