#include "plugin/policy/glob.h"

#include <gtest/gtest.h>

#include <ctime>

namespace pinscope::policy {
namespace {

std::string sentence_of(std::string_view pattern) {
  const auto status = check_glob(pattern);
  return status ? "" : status.error().sentence();
}

TEST(Glob, WithoutSpecialCharactersMatchesItselfOnly) {
  EXPECT_FALSE(is_glob("/sys/fs/bpf/flows"));
  EXPECT_TRUE(glob_matches("/sys/fs/bpf/flows", "/sys/fs/bpf/flows"));
  EXPECT_FALSE(glob_matches("/sys/fs/bpf/flows", "/sys/fs/bpf/flows2"));
  EXPECT_FALSE(glob_matches("/sys/fs/bpf/flows", "/sys/fs/bpf/flow"));
  EXPECT_TRUE(glob_matches("", ""));
  EXPECT_FALSE(glob_matches("", "a"));
}

TEST(Glob, StarStaysInItsComponent) {
  EXPECT_TRUE(glob_matches("/a/*", "/a/b"));
  EXPECT_TRUE(glob_matches("/a/*", "/a/"));
  EXPECT_FALSE(glob_matches("/a/*", "/a"));
  EXPECT_FALSE(glob_matches("/a/*", "/a/b/c"));
  EXPECT_TRUE(glob_matches("/a/*/c", "/a/b/c"));
  EXPECT_TRUE(glob_matches("web-*", "web-"));
  EXPECT_TRUE(glob_matches("*-b-*", "a-b-b-c"));
  EXPECT_FALSE(glob_matches("*-b", "a-b-c"));
  EXPECT_TRUE(glob_matches("*a*b", "xaab-ab"));
}

TEST(Glob, QuestionMarkMatchesOneCharacterButNoSlash) {
  EXPECT_TRUE(glob_matches("cpu?", "cpu1"));
  EXPECT_FALSE(glob_matches("cpu?", "cpu"));
  EXPECT_FALSE(glob_matches("cpu?", "cpu12"));
  EXPECT_FALSE(glob_matches("a?b", "a/b"));
}

TEST(Glob, SetMatchesOneOfItsMembersAndNeverASlash) {
  EXPECT_TRUE(glob_matches("[abc]", "b"));
  EXPECT_FALSE(glob_matches("[abc]", "d"));
  EXPECT_TRUE(glob_matches("m[a-c0-9]", "m7"));
  EXPECT_FALSE(glob_matches("m[a-c]", "md"));
  EXPECT_TRUE(glob_matches("[!a]x", "bx"));
  EXPECT_FALSE(glob_matches("[!a]x", "ax"));
  EXPECT_FALSE(glob_matches("a[!b]c", "a/c"));
  EXPECT_FALSE(glob_matches("a[.-0]c", "a/c"));  // the range holds the slash
  EXPECT_TRUE(glob_matches("[]]", "]"));
  EXPECT_TRUE(glob_matches("[!]]", "a"));
  EXPECT_TRUE(glob_matches("[a-]", "-"));
  EXPECT_TRUE(glob_matches("[*?]", "*"));
  EXPECT_TRUE(glob_matches("[\\]]", "]"));
  EXPECT_TRUE(glob_matches("[\x80-\xff]", "\xc3"));
}

TEST(Glob, DoubleStarMatchesAnyNumberOfComponents) {
  EXPECT_TRUE(glob_matches("/a/**", "/a"));
  EXPECT_TRUE(glob_matches("/a/**", "/a/b"));
  EXPECT_TRUE(glob_matches("/a/**", "/a/b/c/d"));
  EXPECT_FALSE(glob_matches("/a/**", "/ab"));
  EXPECT_TRUE(glob_matches("/a/**/z", "/a/z"));
  EXPECT_TRUE(glob_matches("/a/**/z", "/a/b/c/z"));
  EXPECT_FALSE(glob_matches("/a/**/z", "/a/b/c/zz"));
  EXPECT_TRUE(glob_matches("**", "/any/thing"));
  EXPECT_TRUE(glob_matches("**/b/*/d", "/a/b/x/b/c/d"));
  EXPECT_FALSE(glob_matches("**/b/*/d", "/a/b/x/y/d"));
  EXPECT_TRUE(glob_matches("/**/a/**/b", "/a/a/b/a/b"));
}

TEST(Glob, BackslashTakesTheNextCharacterLiterally) {
  EXPECT_TRUE(is_glob("a\\*"));
  EXPECT_TRUE(glob_matches("a\\*", "a*"));
  EXPECT_FALSE(glob_matches("a\\*", "ab"));
  EXPECT_TRUE(glob_matches("\\[x]", "[x]"));
}

TEST(Glob, DotIsACharacterLikeAnyOther) {
  EXPECT_TRUE(glob_matches("*", ".hidden"));
  EXPECT_TRUE(glob_matches("app:v?.*", "app:v1.2"));
}

TEST(Glob, CheckSaysWhatIsWrong) {
  EXPECT_EQ(sentence_of("/a/**/b*/[!x-z]"), "");
  EXPECT_EQ(sentence_of("/a/[]]"), "");
  EXPECT_EQ(sentence_of("/a/b**"),
            "cannot use glob \"/a/b**\": \"**\" must be a whole component, as in \"/a/**/b\"");
  EXPECT_EQ(sentence_of("/a/***"),
            "cannot use glob \"/a/***\": \"**\" must be a whole component, as in \"/a/**/b\"");
  EXPECT_EQ(sentence_of("/a/b\\"),
            "cannot use glob \"/a/b\\\\\": a backslash with no character behind it");
  EXPECT_EQ(sentence_of("/a/\\/b"),
            "cannot use glob \"/a/\\\\/b\": a backslash with no character behind it");
  EXPECT_EQ(
      sentence_of("/a/[bc"),
      "cannot use glob \"/a/[bc\": the bracket \"[bc\" does not end in its component or holds "
      "a range that runs backwards");
  EXPECT_NE(sentence_of("[]"), "");
  EXPECT_NE(sentence_of("[a/b]"), "");
  EXPECT_NE(sentence_of("[z-a]"), "");
  EXPECT_NE(sentence_of("[a\\"), "");
}

TEST(Glob, WhatCheckRefusesMatchesNothing) {
  EXPECT_FALSE(glob_matches("[ab", "a"));
  EXPECT_FALSE(glob_matches("[ab", "[ab"));
  EXPECT_FALSE(glob_matches("a\\", "a\\"));
}

TEST(Glob, LiteralPrefixEndsBeforeTheFirstComponentWithAGlob) {
  EXPECT_EQ(literal_prefix("/sys/fs/bpf/app/*/x"), "/sys/fs/bpf/app");
  EXPECT_EQ(literal_prefix("/sys/fs/bpf/ap[p]/x"), "/sys/fs/bpf");
  EXPECT_EQ(literal_prefix("/sys/fs/bpf/**"), "/sys/fs/bpf");
  EXPECT_EQ(literal_prefix("/sys/a\\*/b"), "/sys");
  EXPECT_EQ(literal_prefix("/*"), "/");
  EXPECT_EQ(literal_prefix("*"), "");
  EXPECT_EQ(literal_prefix("/sys/fs/bpf/x"), "/sys/fs/bpf/x");
}

// Backtracking into every star would take longer than the age of the universe here.
TEST(Glob, TimeIsBoundedByTheProductOfTheLengths) {
  std::string stars;
  for (int i = 0; i < 1000; ++i) stars += "*a";
  std::string any;
  for (int i = 0; i < 1000; ++i) any += "/**/*a";
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "/aaa";
  const std::clock_t start = std::clock();
  EXPECT_FALSE(glob_matches(stars + "b", std::string(4000, 'a')));
  EXPECT_FALSE(glob_matches(any + "b", deep));
  EXPECT_FALSE(glob_matches("/**/*a*a*a*a*a*b/**/c", deep));
  EXPECT_LT(std::clock() - start, 8 * CLOCKS_PER_SEC);
}

}  // namespace
}  // namespace pinscope::policy
