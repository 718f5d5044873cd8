// How help texts are broken into lines.
#include "plugin/cli/term/help_format.h"

#include <gtest/gtest.h>

namespace pinscope::cli {
namespace {

TEST(HelpFormat, EndsLinesBetweenWords) {
  EXPECT_EQ(wrapped("one two three", 80, 0), "one two three");
  EXPECT_EQ(wrapped("one two three", 7, 0), "one two\nthree");
  EXPECT_EQ(wrapped("one two three", 8, 2), "one two\n  three");
  EXPECT_EQ(wrapped("one two three", 10, 4, 4), "one\n    two\n    three");
}

TEST(HelpFormat, CountsCharactersAndNotBytes) {
  EXPECT_EQ(wrapped("\u00e4\u00e4\u00e4 \u00e4\u00e4\u00e4", 7, 0),
            "\u00e4\u00e4\u00e4 \u00e4\u00e4\u00e4");
}

TEST(HelpFormat, GivesAWordThatIsTooLongALineOfItsOwn) {
  EXPECT_EQ(wrapped("a bcdefghijk l", 5, 0), "a\nbcdefghijk\nl");
}

TEST(HelpFormat, KeepsLineFeedsAndWhatIsArrangedInColumns) {
  EXPECT_EQ(wrapped("one\ntwo three", 9, 0), "one\ntwo three");
  EXPECT_EQ(wrapped("By hand:\n  bash  pinscope completion bash", 12, 0),
            "By hand:\n  bash  pinscope completion bash");
}

}  // namespace
}  // namespace pinscope::cli
