// Small text helpers.
#include "plugin/base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope {
namespace {

using testing::ElementsAre;

TEST(Text, QuotesAndEscapesWhatCouldDisturbATerminal) {
  EXPECT_EQ(pinscope::quoted("web-1"), "\"web-1\"");
  EXPECT_EQ(pinscope::quoted(""), "\"\"");
  EXPECT_EQ(pinscope::quoted("a\"b\\c"), "\"a\\\"b\\\\c\"");
  EXPECT_EQ(pinscope::quoted("a\nb\x1b\x7f"), "\"a\\nb\\x1b\\x7f\"");
  EXPECT_EQ(pinscope::quoted(std::string("a\0b", 3)), "\"a\\x00b\"");
}

TEST(Text, MakesOneLine) {
  EXPECT_EQ(one_line("a\nb\tc \"d\" \xc3\xa4"), "a\\nb\\x09c \"d\" \xc3\xa4");
}

TEST(Text, ParsesUnsignedNumbersThatFillTheText) {
  EXPECT_EQ(parse_unsigned("0"), 0U);
  EXPECT_EQ(parse_unsigned("007"), 7U);
  EXPECT_EQ(parse_unsigned("18446744073709551615"), 18446744073709551615U);
  for (const char* text :
       {"", " 1", "1 ", "+1", "-1", "0x1", "1.0", "18446744073709551616", "1\n", "one"})
    EXPECT_EQ(parse_unsigned(text), std::nullopt) << text;
}

TEST(Text, FindsTheNearestCandidateIfItIsNear) {
  EXPECT_EQ(nearest("acess", {"as", "access", "mode"}), "access");
  EXPECT_EQ(nearest("expcet", {"as", "expect", "mode"}), "expect");
  EXPECT_EQ(nearest("pi", {"pin", "as"}), "pin");
  EXPECT_EQ(nearest("uid", {"pin", "as"}), "");
  EXPECT_EQ(nearest("xyzzy", {"as", "access", "mode"}), "");
  EXPECT_EQ(nearest("", {}), "");
  EXPECT_EQ(nearest(std::string(1000, 'a'), {std::string_view("a")}), "");
}

TEST(Text, SplitsAtEverySeparator) {
  EXPECT_THAT(split("a,b", ','), ElementsAre("a", "b"));
  EXPECT_THAT(split(",a,,", ','), ElementsAre("", "a", "", ""));
  EXPECT_THAT(split("", ','), ElementsAre(""));
}

TEST(CountOf, KnowsTheSingular) {
  EXPECT_EQ(count_of(0, "policy", "policies"), "0 policies");
  EXPECT_EQ(count_of(1, "policy", "policies"), "1 policy");
  EXPECT_EQ(count_of(2, "policy", "policies"), "2 policies");
}

}  // namespace
}  // namespace pinscope
