// How the texts of a ConfigMap become one file, and what a place in that file is called.
#include "plugin/policy/language/combined.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope::policy {
namespace {

constexpr const char* kHead =
    "# Made by `pinscope node run` from the policies of the cluster. Edits are lost: change "
    "those.\n";

// "FILE=TEXT" of each part.
std::vector<std::string> parts(const std::string& text) {
  std::vector<std::string> all;
  for (const auto& [file, part] : parts_of(text, "k.yaml")) all.push_back(file + "=" + part);
  return all;
}

TEST(Combined, HoldsEachTextAsADocumentOfItsOwn) {
  EXPECT_EQ(
      combine({{"a.yaml", "kind: Policy\n"}, {"b.yaml", "kind: Policy"}}),
      std::string(kHead) + "---\n# key: a.yaml\nkind: Policy\n---\n# key: b.yaml\nkind: Policy\n");
}

TEST(Combined, HasNoByteOrderMarkInTheMiddle) {
  EXPECT_EQ(combine({{"a.yaml", "\xef\xbb\xbfkind: Policy\n"}}),
            std::string(kHead) + "---\n# key: a.yaml\nkind: Policy\n");
}

// The API server takes no such name; whatever does come here must not get out of the comment.
TEST(Combined, LetsNoNameEndItsComment) {
  const std::string whole = combine({{"a\nkind: Policy\n.yaml", "x: 1\n"}});
  EXPECT_EQ(whole.find("\nkind:"), std::string::npos) << whole;
}

TEST(Combined, IsTakenApartAgain) {
  EXPECT_THAT(
      parts(combine({{"a.yaml", "# text\n---\nx: 1\n---\n"}, {"b.yaml", ""}, {"c.yaml", "y"}})),
      testing::ElementsAre("k.yaml/a.yaml=# text\n---\nx: 1\n---\n", "k.yaml/b.yaml=\n",
                           "k.yaml/c.yaml=y\n"));
}

TEST(Combined, IsOnlyWhatBeginsSo) {
  for (const std::string& text :
       {std::string("kind: Policy\n---\n# key: a.yaml\n"), combine({}), std::string(),
        std::string(kHead) + "---\n# a.yaml\nkind: Policy\n", std::string(kHead) + "---\n# key: a"})
    EXPECT_THAT(parts(text), testing::SizeIs(testing::Le(1U))) << text;
  EXPECT_THAT(parts("x: 1\n"), testing::ElementsAre("k.yaml=x: 1\n"));
}

}  // namespace
}  // namespace pinscope::policy
