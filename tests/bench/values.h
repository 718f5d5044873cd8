// The file system of values beside the least that one can be, and its stream beside the same lines
// without a file system.
#pragma once

#include <vector>

#include "plugin/base/result.h"
#include "tests/bench/report.h"
#include "tests/bench/scenarios.h"

namespace pinscope::bench {

// In a private machine. `options.quick`: few elements, one run.
Result<std::vector<Scenario>> measure_values(const Options& options);

}  // namespace pinscope::bench
