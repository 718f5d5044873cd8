// `pinscope inventory` beside its floor, on machines that are full: of mount namespaces with pins,
// and of objects that processes hold.
#pragma once

#include <vector>

#include "plugin/base/result.h"
#include "tests/bench/report.h"
#include "tests/bench/scenarios.h"

namespace pinscope::bench {

// In a private machine. `options.quick`: few namespaces and objects, one run.
Result<std::vector<Scenario>> measure_inventory(const Options& options);

}  // namespace pinscope::bench
