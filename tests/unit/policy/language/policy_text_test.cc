// Bytes, lines and documents of a file, before YAML.
#include "plugin/policy/language/policy_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> bad(std::string_view text) {
  std::vector<std::string> found;
  for (const auto& byte : find_bad_bytes(text, 10))
    found.push_back(std::to_string(byte.at.line) + ":" + std::to_string(byte.at.column) + " " +
                    byte.message);
  return found;
}

TEST(PolicyText, FindsLinesByTheirNumber) {
  std::string text;
  for (int i = 1; i <= 1000; ++i) text += "line " + std::to_string(i) + "\n";
  const PolicyText policy_text(text, "f.yaml");
  EXPECT_EQ(policy_text.line(1), "line 1");
  EXPECT_EQ(policy_text.line(256), "line 256");
  EXPECT_EQ(policy_text.line(257), "line 257");
  EXPECT_EQ(policy_text.line(1000), "line 1000");
  EXPECT_EQ(policy_text.line(1001), "");
  EXPECT_EQ(policy_text.line(0), "");
  EXPECT_EQ(policy_text.line(4000000000), "");
}

TEST(PolicyText, DropsAByteOrderMarkAndCarriageReturnsBeforeLineEnds) {
  EXPECT_EQ(PolicyText("\xef\xbb\xbf"
                       "a\r\nb\r\n",
                       "f")
                .text(),
            "a\nb\n");
  EXPECT_EQ(PolicyText("a\rb\r", "f").text(), "a\rb\r");
}

TEST(PolicyText, PointsAtAColumnOfTheLine) {
  const PolicyText policy_text("a: b\n\n  \n\xc3\xa9: c\n", "f");
  EXPECT_EQ(policy_text.snippet({1, 4}), "  a: b\n     ^");
  EXPECT_EQ(policy_text.snippet({1, 99}), "  a: b\n      ^");
  EXPECT_EQ(policy_text.snippet({2, 1}), "");
  EXPECT_EQ(policy_text.snippet({3, 1}), "");
  EXPECT_EQ(policy_text.snippet({4, 5}), "  \xc3\xa9: c\n     ^");
  EXPECT_EQ(policy_text.snippet({9, 1}), "");
}

TEST(PolicyText, EscapesInASnippetWhatCouldDisturbATerminal) {
  const PolicyText policy_text(
      "a\x1b[31m\tb\xff\xe2\x80\xae"
      "c\n",
      "f");
  EXPECT_EQ(policy_text.snippet({1, 13}),
            "  a<U+001B>[31m b\\xff<U+202E>c\n"
            "                             ^");
}

TEST(PolicyText, CutsALongLineAroundTheColumn) {
  const PolicyText policy_text(std::string(5000, 'a') + "X" + std::string(5000, 'b'), "f");
  const std::string snippet = policy_text.snippet({1, 5001});
  EXPECT_EQ(snippet, "  ..." + std::string(100, 'a') + "X" + std::string(59, 'b') + "...\n" +
                         std::string(105, ' ') + "^");
}

TEST(BadBytes, AcceptsTextInAnyLanguage) {
  EXPECT_THAT(bad("a\tb\n\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\n"), IsEmpty());
}

TEST(BadBytes, FindsWhatIsNotUtf8) {
  const auto refused = ElementsAre("1:2 the text is not valid UTF-8");
  EXPECT_THAT(bad("a\xff"), refused);
  EXPECT_THAT(bad("a\xc3"), refused);
  EXPECT_THAT(bad("a\xc0\x80"), testing::Contains("1:2 the text is not valid UTF-8"));
  EXPECT_THAT(bad("a\xed\xa0\x80"), testing::Contains("1:2 the text is not valid UTF-8"));
  EXPECT_THAT(bad("a\xf4\x90\x80\x80"), testing::Contains("1:2 the text is not valid UTF-8"));
  EXPECT_THAT(bad("a\xe0\x80\x80"), testing::Contains("1:2 the text is not valid UTF-8"));
}

TEST(BadBytes, FindsControlCharactersAndDeceptiveOnes) {
  EXPECT_THAT(bad(std::string_view("a\0", 2)),
              ElementsAre("1:2 the control character U+0000 is not allowed in a policy"));
  EXPECT_THAT(bad("\n\r"),
              ElementsAre("2:1 the control character U+000D is not allowed in a policy"));
  EXPECT_THAT(bad("\xc2\x85"),
              ElementsAre("1:1 the control character U+0085 is not allowed in a policy"));
  EXPECT_THAT(bad("\xe2\x80\x8b"),
              ElementsAre("1:1 the invisible character U+200B is not allowed in a policy"));
  EXPECT_THAT(bad("\xef\xbb\xbf"),
              ElementsAre("1:1 the invisible character U+FEFF is not allowed in a policy"));
}

std::vector<std::string> documents(std::string_view text) {
  std::vector<std::string> found;
  for (const auto& document : split_documents(text, 10))
    found.push_back(std::to_string(document.first_line) + " " + std::string(document.text));
  return found;
}

TEST(Documents, SplitAtTheirMarks) {
  EXPECT_THAT(documents("a\n---\nb\n--- c\nd\n...\ne\n"),
              ElementsAre("1 a\n", "2 ---\nb\n", "4 --- c\nd\n", "6 \ne\n"));
}

TEST(Documents, WithoutContentAreLeftOut) {
  EXPECT_THAT(documents("# c\n---\n\n  # d\n---\n...\n"), IsEmpty());
  EXPECT_THAT(documents(""), IsEmpty());
}

TEST(Documents, AreNotSplitAtLinesThatOnlyLookLikeAMark) {
  EXPECT_THAT(documents("----\n ---\n---a\n....\n"), ElementsAre("1 ----\n ---\n---a\n....\n"));
}

TEST(Documents, StopAtTheLimit) {
  EXPECT_EQ(split_documents("---\na\n---\nb\n---\nc\n", 2).size(), 2U);
}

TEST(BadLines, AreIndentedWithTabsOrAreDirectives) {
  const auto found = find_bad_lines({"%YAML 1.2\n  \ta: b\n\t# comment\n\t\nc: %d\n", 5}, 10);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].at.line, 5U);
  EXPECT_EQ(found[0].message, "YAML directives are not supported");
  EXPECT_EQ(found[1].at.line, 6U);
  EXPECT_EQ(found[1].at.column, 3U);
  EXPECT_EQ(found[1].message, "the line is indented with a tab");
}

}  // namespace
}  // namespace pinscope::policy
