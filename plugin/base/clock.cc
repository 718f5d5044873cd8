#include "plugin/base/clock.h"

#include <chrono>
#include <cstdio>

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

// gmtime_r would read TZ and /etc/localtime, which where the hook is may be somebody else's.
std::string exact_utc_time(uint64_t time_ns) {
  using namespace std::chrono;
  constexpr uint64_t kNanosecondsPerMicrosecond = 1000;
  const auto since_epoch = microseconds(static_cast<int64_t>(time_ns / kNanosecondsPerMicrosecond));
  const auto day = floor<days>(sys_time<microseconds>(since_epoch));
  const year_month_day date(day);
  const hh_mm_ss time(sys_time<microseconds>(since_epoch) - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
                static_cast<int>(time.subseconds().count()));
  return text;
}

}  // namespace pinscope
