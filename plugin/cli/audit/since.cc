#include "plugin/cli/audit/since.h"

#include <algorithm>
#include <ctime>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"

namespace pinscope::cli {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

// Without the Z at its end, which would come behind the digits of a fraction of a second.
std::string comparable(std::string time) {
  if (time.ends_with('Z')) time.pop_back();
  return time;
}

std::string local_midnight(uint64_t now_ns, int days_before) {
  const auto now = static_cast<time_t>(now_ns / kSecond);
  struct tm parts {};
  if (::localtime_r(&now, &parts) == nullptr) return "";
  parts.tm_hour = parts.tm_min = parts.tm_sec = 0;
  parts.tm_mday -= days_before;
  parts.tm_isdst = -1;  // that of the day
  const time_t midnight = ::mktime(&parts);
  return midnight < 0 ? "" : utc_time(static_cast<uint64_t>(midnight) * kSecond);
}

}  // namespace

Result<std::string> since_time(const std::string& since, uint64_t now_ns) {
  if (since.empty()) return since;
  if (since == "today") return comparable(local_midnight(now_ns, 0));
  if (since == "yesterday") return comparable(local_midnight(now_ns, 1));
  constexpr std::string_view kUnits = "smhdw";
  const size_t unit = kUnits.find(since.back());
  const auto count = parse_unsigned(std::string_view(since).substr(0, since.size() - 1));
  if (unit != std::string_view::npos && count) {
    constexpr uint64_t kSeconds[] = {1, 60, 3600, 86400, 604800};
    constexpr unsigned long long kMaxCount = 1'000'000'000;
    const uint64_t now = now_ns / kSecond;
    const uint64_t ago = std::min<uint64_t>(now, std::min(*count, kMaxCount) * kSeconds[unit]);
    return comparable(utc_time((now - ago) * kSecond));
  }
  constexpr size_t kYear = 4;
  if (since.size() > kYear && since[kYear] == '-' && parse_unsigned(since.substr(0, kYear)))
    return comparable(since);
  return std::unexpected(Error(ErrorCode::kUsage, "understand --since " + quoted(since))
                             .reason("expected a duration such as 90s, 10m, 2h, 1d or 1w, today, "
                                     "yesterday, or a UTC time such as 2026-01-31T12:00:00Z"));
}

}  // namespace pinscope::cli
