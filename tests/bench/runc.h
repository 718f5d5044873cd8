// `runc run` of a container that does nothing: without a hook, with an empty program in the hook's
// places, with the hook. What a whole container start makes of the hook's time.
#pragma once

#include <string>

#include "plugin/base/result.h"
#include "tests/bench/fixture.h"
#include "tests/bench/report.h"

namespace pinscope::bench {

// `programs` is the directory of the build; each of the three is run `runs` times, in turns.
Result<Scenario> measure_runc(const std::string& programs, const Fixture& fixture, int runs,
                              bool with_hook);

// The same container with a seccomp profile of the usual length, ten grants and the hook: once with
// all of it in config.json, and once through pinscope-runtime, which has to add it each time.
Result<Scenario> measure_shim(const std::string& programs, const Fixture& fixture, int runs);

}  // namespace pinscope::bench
