// How the texts of a ConfigMap become one file.
#include "plugin/node/policies.h"

#include <gtest/gtest.h>

namespace pinscope::node {
namespace {

constexpr const char* kHead =
    "# Made by `pinscope node run` from the policies of the cluster. Edits are lost: change "
    "those.\n";

TEST(Combined, HoldsEachTextAsADocumentOfItsOwn) {
  EXPECT_EQ(combined({{"a.yaml", "kind: Policy\n"}, {"b.yaml", "kind: Policy"}}),
            std::string(kHead) + "---\n# a.yaml\nkind: Policy\n---\n# b.yaml\nkind: Policy\n");
}

TEST(Combined, HasNoByteOrderMarkInTheMiddle) {
  EXPECT_EQ(combined({{"a.yaml", "\xef\xbb\xbfkind: Policy\n"}}),
            std::string(kHead) + "---\n# a.yaml\nkind: Policy\n");
}

// The API server takes no such name; whatever does come here must not get out of the comment.
TEST(Combined, LetsNoNameEndItsComment) {
  const std::string whole = combined({{"a\nkind: Policy\n.yaml", "x: 1\n"}});
  EXPECT_EQ(whole.find("\nkind:"), std::string::npos) << whole;
}

}  // namespace
}  // namespace pinscope::node
