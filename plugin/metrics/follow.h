// The metrics of the service that follows sources and policies (pinscope_follow_…). Pure.
#pragma once

#include <vector>

#include "plugin/metrics/facts.h"
#include "plugin/metrics/family.h"

namespace pinscope::metrics {

// Always the same families: without samples where that service was never there, and with that of
// pinscope_follow_up alone while it does not answer.
void add_follow(const Facts& facts, std::vector<Family>& families);

}  // namespace pinscope::metrics
