// The engines that Pinscope can be wired into: plans of what installing and removing would change,
// and what is there now. Nothing here runs a program or changes a file.
#pragma once

#include <vector>

#include "plugin/engine/wiring/wiring.h"

namespace pinscope::engine {

// The engines that there is wiring for.
const std::vector<model::Engine>& engines();

// An error: it would not work, or would not be safe; its text says what to do.
Result<WiringPlan> plan_install(model::Engine engine, const Tree& tree, const Options& options);
Result<WiringPlan> plan_remove(model::Engine engine, const Tree& tree, const Options& options);
Report examine(model::Engine engine, const Tree& tree);

}  // namespace pinscope::engine
