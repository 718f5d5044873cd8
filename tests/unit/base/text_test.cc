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

// U+202E, U+2066, U+200F, U+061C, U+009B, a byte order mark, a tag.
constexpr const char* kDisturbing =
    "\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f\xd8\x9c\xc2\x9b\xef\xbb\xbf\xf3\xa0\x80\x81";
constexpr const char* kEscaped = R"(\u202E\u2066\u200F\u061C\u009B\uFEFF\uDB40\uDC01)";

TEST(Text, EscapesMarksOfDirectionAndC1Controls) {
  EXPECT_EQ(one_line(kDisturbing), kEscaped);
  EXPECT_EQ(pinscope::quoted(kDisturbing), "\"" + std::string(kEscaped) + "\"");
  EXPECT_EQ(for_terminal(kDisturbing), kEscaped);
}

TEST(Text, EscapesBytesThatAreNotUtf8) {
  EXPECT_EQ(one_line("\x9b"
                     "31m \xc3( \xff\xe2\x80"),
            R"(\x9b31m \xc3( \xff\xe2\x80)");
  EXPECT_EQ(for_terminal("\xed\xa0\x80"), R"(\xed\xa0\x80)") << "a surrogate";
}

TEST(Text, LeavesWhatPeopleWrite) {
  const std::string text = "zo\xc3\xab \xe6\xbc\xa2 \xd7\xa9 \xf0\x9f\x90\x9d \xc2\xa0";
  EXPECT_EQ(one_line(text), text);
  EXPECT_EQ(for_terminal(text), text);
}

TEST(Text, IsNotEscapedTwice) {
  const std::string once = pinscope::quoted("a\x1b\n\xff\xe2\x80\xae");
  EXPECT_EQ(one_line(once), once);
  EXPECT_EQ(for_terminal(once), once);
}

TEST(ForTerminal, KeepsLinesTabsAndColoursAndNoOtherSequence) {
  const std::string ours = "\x1b[1mID\x1b[0m\tx\n\x1b[38;5;1mred\x1b[0m\n";
  EXPECT_EQ(for_terminal(ours), ours);
  EXPECT_EQ(for_terminal("\x1b[2J\x1b]0;title\x07\x1b[1\x1b"),
            R"(\x1b[2J\x1b]0;title\x07\x1b[1\x1b)");
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

TEST(Text, JoinsWordsWithASeparator) {
  EXPECT_EQ(joined({}, ", "), "");
  EXPECT_EQ(joined({"a"}, ", "), "a");
  EXPECT_EQ(joined({"a", "b", "c"}, ", "), "a, b, c");
}

TEST(CountOf, KnowsTheSingular) {
  EXPECT_EQ(count_of(0, "policy", "policies"), "0 policies");
  EXPECT_EQ(count_of(1, "policy", "policies"), "1 policy");
  EXPECT_EQ(count_of(2, "policy", "policies"), "2 policies");
}

}  // namespace
}  // namespace pinscope
