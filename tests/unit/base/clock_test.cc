#include "plugin/base/clock.h"

#include <gtest/gtest.h>

namespace pinscope {
namespace {

TEST(UtcTime, IsWrittenAsTheAuditTrailDoes) {
  EXPECT_EQ(utc_time(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(utc_time(1'767'225'600'000'000'000), "2026-01-01T00:00:00Z");
}

}  // namespace
}  // namespace pinscope
