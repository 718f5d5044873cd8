// How a function says that it may fail, and how its caller passes that on.
#include "plugin/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace pinscope {
namespace {

Result<int> parse(bool works) {
  if (!works) return std::unexpected(Error(ErrorCode::kUsage, "parse the number"));
  return 7;
}

Result<int> twice(bool works) {
  PINSCOPE_TRY(const int number, parse(works));
  return 2 * number;
}

Status check(bool works) {
  PINSCOPE_CHECK(twice(works));
  return {};
}

Result<std::unique_ptr<int>> owned() {
  return std::make_unique<int>(7);
}

TEST(Result, PassesValuesAndErrorsOn) {
  EXPECT_EQ(twice(true), 14);
  ASSERT_FALSE(twice(false));
  EXPECT_EQ(twice(false).error().sentence(), "cannot parse the number");
  EXPECT_TRUE(check(true));
  EXPECT_EQ(check(false).error().sentence(), "cannot parse the number");
}

TEST(Result, MovesAValueThatCannotBeCopied) {
  const auto take = []() -> Result<int> {
    PINSCOPE_TRY(const auto pointer, owned());
    return *pointer;
  };
  EXPECT_EQ(take(), 7);
}

TEST(Result, SaysWhatWeWereDoing) {
  EXPECT_EQ(in_context(parse(false), "read \"a.yaml\"").error().sentence(),
            "read \"a.yaml\": cannot parse the number");
  EXPECT_EQ(in_context(parse(true), "read \"a.yaml\""), 7);
}

}  // namespace
}  // namespace pinscope
