// The benchmark of `pinscope dump`: a full hash map, beside bare batched look-ups and bpftool.
#pragma once

#include <vector>

#include "plugin/base/result.h"
#include "tests/bench/scenarios.h"

namespace pinscope::bench {

// A million entries; with options.quick few.
Result<std::vector<Scenario>> measure_dump(const Options& options);

}  // namespace pinscope::bench
