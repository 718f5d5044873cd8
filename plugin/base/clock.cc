#include "plugin/base/clock.h"

namespace pinscope {

std::string utc_time(uint64_t time_ns) {
  const auto seconds = static_cast<time_t>(time_ns / 1'000'000'000);
  struct tm parts {};
  char text[32];
  if (::gmtime_r(&seconds, &parts) == nullptr ||
      std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
    return "-";
  return text;
}

}  // namespace pinscope
