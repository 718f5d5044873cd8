// How wide text is, and how it is broken into lines.
#include "plugin/cli/term/columns.h"

#include <gtest/gtest.h>

namespace pinscope::cli {
namespace {

TEST(DisplayWidth, IsThatOfATerminal) {
  EXPECT_EQ(display_width(""), 0U);
  EXPECT_EQ(display_width("web-1"), 5U);
  EXPECT_EQ(display_width("w\u00e9b"), 3U);
  EXPECT_EQ(display_width("we\u0301b"), 3U);       // the accent is a character of its own
  EXPECT_EQ(display_width("\u65e5\u672c-1"), 6U);  // wide
  EXPECT_EQ(display_width("a\xff"
                          "b\xc3"),
            4U);  // no UTF-8
}

TEST(WrappedText, EndsLinesBetweenWords) {
  EXPECT_EQ(wrapped("one two three", 80, 0), "one two three");
  EXPECT_EQ(wrapped("one two three", 7, 0), "one two\nthree");
  EXPECT_EQ(wrapped("one two three", 8, 2), "one two\n  three");
  EXPECT_EQ(wrapped("one two three", 10, 4, 4), "one\n    two\n    three");
}

TEST(WrappedText, CountsCharactersAndNotBytes) {
  EXPECT_EQ(wrapped("\u00e4\u00e4\u00e4 \u00e4\u00e4\u00e4", 7, 0),
            "\u00e4\u00e4\u00e4 \u00e4\u00e4\u00e4");
}

TEST(WrappedText, GivesAWordThatIsTooLongALineOfItsOwn) {
  EXPECT_EQ(wrapped("a bcdefghijk l", 5, 0), "a\nbcdefghijk\nl");
}

TEST(WrappedText, KeepsLineFeedsAndWhatIsArrangedInColumns) {
  EXPECT_EQ(wrapped("one\ntwo three", 9, 0), "one\ntwo three");
  EXPECT_EQ(wrapped("By hand:\n  bash  pinscope completion bash", 12, 0),
            "By hand:\n  bash  pinscope completion bash");
}

}  // namespace
}  // namespace pinscope::cli
