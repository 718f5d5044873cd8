// may_match_one_text(): whether two globs can match one text.
#include "plugin/policy/language/glob_overlap.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "plugin/policy/glob.h"

namespace pinscope::policy {
namespace {

TEST(GlobOverlap, IsFoundWhereOneTextMatchesBoth) {
  EXPECT_TRUE(may_match_one_text("web", "web"));
  EXPECT_TRUE(may_match_one_text("web-*", "*-1"));
  EXPECT_TRUE(may_match_one_text("a?c", "ab?"));
  EXPECT_TRUE(may_match_one_text("/a/**", "/a")) << "** stands for no component, too";
  EXPECT_TRUE(may_match_one_text("/a/**/z", "/**/b/*"));
  EXPECT_TRUE(may_match_one_text("**", "x/y"));
  EXPECT_TRUE(may_match_one_text("a*b", "a[*]b"));
  EXPECT_TRUE(may_match_one_text("\\*x", "\\**"));
}

TEST(GlobOverlap, IsExcludedByABeginningAnEndOrAComponent) {
  EXPECT_FALSE(may_match_one_text("web", "db"));
  EXPECT_FALSE(may_match_one_text("team-1-*", "team-2-*"));
  EXPECT_FALSE(may_match_one_text("*-a", "*-b"));
  EXPECT_FALSE(may_match_one_text("**/nginx:*", "**/redis:*"));
  EXPECT_FALSE(may_match_one_text("/a/*/c", "/a/*/d"));
  EXPECT_FALSE(may_match_one_text("/a/*", "/a/*/*"));
  EXPECT_FALSE(may_match_one_text("a?", "b?"));
  EXPECT_FALSE(may_match_one_text("??", "?"));
  EXPECT_FALSE(may_match_one_text("\\**", "x*"));
}

std::string random_from(std::mt19937& random, std::string_view letters, size_t longest) {
  std::string text;
  for (size_t length = random() % (longest + 1); text.size() < length;)
    text += letters[random() % letters.size()];
  return text;
}

TEST(GlobOverlap, IsNeverExcludedWhereATextMatchesBoth) {
  std::mt19937 random(7);
  size_t excluded = 0;
  size_t common = 0;
  while (excluded < 20000) {
    const std::string one = random_from(random, "ab/*?\\[a]", 6);
    const std::string other = random_from(random, "ab/**?", 6);
    if (!check_glob(one) || !check_glob(other)) continue;
    const bool may = may_match_one_text(one, other);
    ASSERT_EQ(may, may_match_one_text(other, one)) << one << " and " << other;
    excluded += may ? 0 : 1;
    for (int i = 0; i < 20; ++i) {
      const std::string text = random_from(random, "ab/", 5);
      if (!glob_matches(one, text) || !glob_matches(other, text)) continue;
      ++common;
      ASSERT_TRUE(may) << one << " and " << other << " match " << text;
    }
  }
  EXPECT_GT(common, 1000U);
}

}  // namespace
}  // namespace pinscope::policy
