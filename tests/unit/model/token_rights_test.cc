// Names and numbers of what a token allows, and what no policy may delegate.
#include "plugin/model/token_rights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/model/bpf_names.h"

namespace pinscope::model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(TokenRights, HaveTheKernelsNumbers) {
  EXPECT_EQ(token_right_from_name(TokenRight::kCommand, "btf_load"), 18U);
  EXPECT_EQ(token_right_from_name(TokenRight::kMap, "ringbuf"), 27U);
  EXPECT_EQ(token_right_from_name(TokenRight::kProgram, "socket_filter"), 1U);
  EXPECT_EQ(token_right_from_name(TokenRight::kProgram, "netfilter"), 32U);
  EXPECT_EQ(token_right_from_name(TokenRight::kAttach, "cgroup_inet_ingress"), 0U);
  EXPECT_EQ(token_right_from_name(TokenRight::kAttach, "trace_uprobe_session"), 57U);
  EXPECT_EQ(token_right_from_name(TokenRight::kAttach, "socket_filter"), std::nullopt);
  EXPECT_EQ(token_right_name(TokenRight::kAttach, 37), "xdp");
  EXPECT_EQ(token_right_name(TokenRight::kMap, 0), "0");
  EXPECT_EQ(token_right_name(TokenRight::kCommand, 63), "63");
}

TEST(TokenRights, KnowTheKernelsSecondNames) {
  EXPECT_EQ(token_right_from_name(TokenRight::kMap, "cgroup_storage_deprecated"), 19U);
  EXPECT_EQ(token_right_from_name(TokenRight::kMap, "percpu_cgroup_storage_deprecated"), 21U);
  EXPECT_EQ(token_right_from_name(TokenRight::kCommand, "prog_run"), 10U);
}

TEST(TokenRights, ComeBackFromTheirNames) {
  for (const TokenRight right : kTokenRights)
    for (const auto name : token_right_names(right)) {
      const auto number = token_right_from_name(right, name);
      ASSERT_TRUE(number) << name;
      EXPECT_EQ(token_right_name(right, *number), name);
      EXPECT_LT(*number, 64U) << "a mask has 64 bits";
    }
}

TEST(TokenRights, AddUp) {
  TokenRights rights;
  EXPECT_TRUE(rights.empty());
  rights.add(TokenRight::kMap, 1);
  TokenRights others;
  others.add(TokenRight::kMap, 27);
  others.add(TokenRight::kCommand, 0);
  rights.add(others);
  EXPECT_THAT(names_in(rights, TokenRight::kMap), ElementsAre("hash", "ringbuf"));
  EXPECT_THAT(names_in(rights, TokenRight::kCommand), ElementsAre("map_create"));
  EXPECT_THAT(names_in(rights, TokenRight::kAttach), IsEmpty());
  EXPECT_FALSE(rights.empty());
  EXPECT_FALSE(rights.has(TokenRight::kMap, 64));
}

}  // namespace
}  // namespace pinscope::model
