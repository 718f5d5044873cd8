// The kernel, by probes, and how this host is set up for BPF.
#pragma once

#include "plugin/model/finding.h"

namespace pinscope::health {

model::Findings check_kernel();
model::Findings check_host();

}  // namespace pinscope::health
