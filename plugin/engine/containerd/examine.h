// Whether containerd, as it is configured and as it runs, would give a container to our shim.
#pragma once

#include "plugin/engine/wiring/wiring.h"

namespace pinscope::engine {

void examine_containerd(const Tree& tree, const Receipt& receipt, Report& report);

}  // namespace pinscope::engine
