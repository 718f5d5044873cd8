// The metrics of Pinscope: names, labels, meaning. docs/metrics.md has each of them; a test
// compares the two. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "plugin/metrics/facts.h"
#include "plugin/metrics/family.h"

namespace pinscope::metrics {

// Always all families, in one order; of what could not be looked at, without samples.
//
// No label has what a container or a pod chooses. Names of policies and pins are the
// administrator's; of each kind the first kMaxNames are there, in the order of the alphabet, and
// pinscope_series_left_out says how many are not.
std::vector<Family> families(const Facts& facts);

inline constexpr size_t kMaxNames = 100;
inline constexpr size_t kLongestLabel = 256;  // bytes; a longer name is left out

}  // namespace pinscope::metrics
