// Programs that are run in turns, so that what else the machine does meets each of them.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "tests/bench/scenarios.h"

namespace pinscope::bench {

struct Contender {
  Series series;
  std::vector<std::string> arguments;
};

// As many rounds as options.inventory_iterations says, after one that is thrown away; one with
// options.quick. The series are in the order of the contenders. An error if one of them fails.
Result<Scenario> measure_in_turns(const std::string& name, std::vector<Contender> contenders,
                                  const Options& options);

}  // namespace pinscope::bench
