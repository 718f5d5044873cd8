// The point in time that --since names.
#pragma once

#include <cstdint>
#include <string>

#include "plugin/base/result.h"

namespace pinscope::cli {

// "90s", "10m", "2h", "1d" or "1w" before `now_ns`; "today" and "yesterday", which begin at
// midnight of the local time; or a UTC time as the trail writes it, of which the front is enough
// ("2026-01-31"). As text that compares with the trail's times. Empty for an empty text.
Result<std::string> since_time(const std::string& since, uint64_t now_ns);

}  // namespace pinscope::cli
