// What --since of `pinscope audit` understands.
#include "plugin/cli/audit/since.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace pinscope::cli {
namespace {

constexpr uint64_t kNow = 1'769'860'800'000'000'000;  // 2026-01-31T12:00:00Z

std::string since(const std::string& text) {
  const auto time = since_time(text, kNow);
  return time ? *time : time.error().sentence();
}

TEST(Since, KnowsDurations) {
  EXPECT_EQ(since("90s"), "2026-01-31T11:58:30");
  EXPECT_EQ(since("10m"), "2026-01-31T11:50:00");
  EXPECT_EQ(since("2h"), "2026-01-31T10:00:00");
  EXPECT_EQ(since("1d"), "2026-01-30T12:00:00");
  EXPECT_EQ(since("1w"), "2026-01-24T12:00:00");
  EXPECT_EQ(since("99999999999999d"), "1970-01-01T00:00:00");
}

TEST(Since, BeginsDaysAtMidnightOfTheLocalTime) {
  ::setenv("TZ", "EST5", 1);
  ::tzset();
  EXPECT_EQ(since("today"), "2026-01-31T05:00:00");
  EXPECT_EQ(since("yesterday"), "2026-01-30T05:00:00");
  ::unsetenv("TZ");
  ::tzset();
}

TEST(Since, TakesTimesAsTheTrailWritesThem) {
  EXPECT_EQ(since(""), "");
  EXPECT_EQ(since("2026-01-31"), "2026-01-31");
  EXPECT_EQ(since("2026-01-31T12:00:00Z"), "2026-01-31T12:00:00");
}

TEST(Since, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"soon", "s", "-1d", "1y", "31.01.2026"})
    EXPECT_EQ(since(text), "cannot understand --since \"" + std::string(text) +
                               "\": expected a duration such as 90s, 10m, 2h, 1d or 1w, today, "
                               "yesterday, or a UTC time such as 2026-01-31T12:00:00Z");
}

}  // namespace
}  // namespace pinscope::cli
