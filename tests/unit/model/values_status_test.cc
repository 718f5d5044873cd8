#include "plugin/model/values_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope::model {
namespace {

using testing::HasSubstr;

TEST(ValuesStatus, ComesBackFromItsJson) {
  ValuesStatus status;
  status.state = ValuesState::kWaiting;
  status.unusable = 3;
  status.leases = {{.container = "web \"1\"",
                    .number = 7,
                    .maps = 2,
                    .ready = true,
                    .set_aside = true,
                    .requests = 10,
                    .errors = 1,
                    .missing = 2,
                    .bytes = 4096,
                    .time_ns = 5'000'000,
                    .handles = 4,
                    .refused = 6},
                   {.container = "web-2"}};
  const auto read = values_status_from_json(to_json(status));
  ASSERT_TRUE(read) << read.error().sentence();
  EXPECT_EQ(*read, status);
}

TEST(ValuesStatus, IsRefusedIfItIsNotUnderstood) {
  for (const char* text :
       {"", "[]", "{}", R"({"format":2,"state":"serving"})", R"({"format":1,"state":"dancing"})",
        R"({"format":1,"state":"serving","leases":7})",
        R"({"format":1,"state":"serving","leases":[{"requests":"many"}]})"}) {
    const auto read = values_status_from_json(text);
    ASSERT_FALSE(read) << text;
    EXPECT_THAT(read.error().sentence(), HasSubstr("the status of the values")) << text;
  }
}

}  // namespace
}  // namespace pinscope::model
