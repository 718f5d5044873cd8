// `pinscoped --follow` beside many real containers: from a new pin to the swapped view, a swap
// beside a first view, and what the service takes when nothing happens.
#pragma once

#include <vector>

#include "plugin/base/result.h"
#include "tests/bench/report.h"
#include "tests/bench/scenarios.h"

namespace pinscope::bench {

// In a private machine. `options.quick`: few containers, one replacement.
Result<std::vector<Scenario>> measure_follow(const Options& options);

}  // namespace pinscope::bench
