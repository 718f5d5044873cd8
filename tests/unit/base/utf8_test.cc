// UTF-8 as RFC 3629 defines it.
#include "plugin/base/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pinscope {
namespace {

TEST(Utf8, KnowsTheLengthOfASequence) {
  EXPECT_EQ(utf8_length("a"), 1U);
  EXPECT_EQ(utf8_length("\xc3\xa4x"), 2U);
  EXPECT_EQ(utf8_length("\xe2\x82\xacx"), 3U);
  EXPECT_EQ(utf8_length("\xf0\x9f\x90\x9dx"), 4U);
}

TEST(Utf8, RefusesWhatIsNone) {
  const std::vector<std::string> wrong = {
      "\x80",                     // continuation without a lead
      "\xc3",                     // cut off
      "\xe2\x82",                 //
      "\xf0\x9f\x90",             //
      std::string("\xc3") + "a",  // lead without a continuation
      "\xc0\x80",                 // overlong NUL
      "\xc1\xbf",                 // overlong
      "\xe0\x9f\xbf",             //
      "\xf0\x8f\xbf\xbf",         //
      "\xed\xa0\x80",             // surrogate
      "\xf4\x90\x80\x80",         // beyond U+10FFFF
      "\xf5\x80\x80\x80",         //
      "\xff",
  };
  for (const auto& text : wrong) EXPECT_EQ(utf8_length(text), 0U) << testing::PrintToString(text);
  EXPECT_EQ(utf8_length("\xed\x9f\xbf"), 3U);
  EXPECT_EQ(utf8_length("\xf4\x8f\xbf\xbf"), 4U);
}

TEST(Utf8, FindsTheFirstInvalidByteAtEveryOffset) {
  for (size_t offset = 0; offset < 40; ++offset) {
    std::string text(40, 'a');
    EXPECT_EQ(valid_utf8_prefix(text), 40U);
    text[offset] = '\xff';
    EXPECT_EQ(valid_utf8_prefix(text), offset);
    text.replace(offset, 1, "\xe2\x82\xac");
    EXPECT_EQ(valid_utf8_prefix(text), text.size());
  }
  EXPECT_EQ(valid_utf8_prefix(""), 0U);
}

}  // namespace
}  // namespace pinscope
