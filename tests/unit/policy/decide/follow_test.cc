// What decide() makes of sources that are followed or waited for, and of onChange.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/policy/decide/deciding.h"

namespace pinscope::policy {
namespace {

using testing::ElementsAre;

TEST(Follow, FailsBeforeItWaitsBeforeItSkips) {
  using enum model::Missing;
  const auto merged = [](model::Missing one, model::Missing other) {
    auto first = grant("/sys/fs/bpf/x");
    first.missing = one;
    auto second = grant("/sys/fs/bpf/x");
    second.missing = other;
    return decided({policy("a", {first}), policy("b", {second})}).grants.at(0).missing;
  };
  EXPECT_EQ(merged(kSkip, kWait), kWait);
  EXPECT_EQ(merged(kWait, kSkip), kWait);
  EXPECT_EQ(merged(kWait, kFail), kFail);
  EXPECT_EQ(merged(kFail, kWait), kFail);
}

TEST(Follow, HoldsWhereOnePolicySaysSo) {
  auto following = grant("/sys/fs/bpf/x");
  following.follow = true;
  EXPECT_TRUE(decided({policy("a", {grant("/sys/fs/bpf/x")}), policy("b", {following})})
                  .grants.at(0)
                  .follow);
  EXPECT_FALSE(decided({policy("a", {grant("/sys/fs/bpf/x")})}).grants.at(0).follow);
}

TEST(OnChange, IsTheMostCarefulWordThatIsSaid) {
  using enum model::OnChange;
  const auto merged = [](std::vector<std::optional<model::OnChange>> said) {
    std::vector<model::Policy> policies;
    for (const auto& word : said) {
      policies.push_back(policy(std::string(1, static_cast<char>('a' + policies.size())), {}));
      policies.back().on_change = word;
    }
    return decided(policies).on_change;
  };
  EXPECT_EQ(merged({std::nullopt}), kReport);
  EXPECT_EQ(merged({kApply, std::nullopt}), kApply);
  EXPECT_EQ(merged({std::nullopt, kApply, kApply}), kApply);
  EXPECT_EQ(merged({kApply, kReport}), kReport);
  EXPECT_EQ(merged({kReport, kApply}), kReport);
  EXPECT_EQ(merged({kApplyAlways, std::nullopt}), kApplyAlways);
  EXPECT_EQ(merged({kApplyAlways, kApply}), kApply);
  EXPECT_EQ(merged({kApplyAlways, kReport}), kReport);
}

TEST(Follow, NamesTheGlobsThatAreFollowedWhateverTheyMatch) {
  const FakeHost host{.pins = {"/sys/fs/bpf/app/a"}};
  auto followed = grant("/sys/fs/bpf/app/*");
  followed.follow = true;
  auto empty = grant("/sys/fs/bpf/none/*", "", model::Access::kRead, 11);
  empty.follow = true;
  const auto decision =
      decided({policy("a", {followed, empty, grant("/sys/fs/bpf/other/*")})}, host);
  ASSERT_EQ(decision.followed.size(), 2U);
  EXPECT_EQ(decision.followed[0].pin, "/sys/fs/bpf/app/*");
  EXPECT_EQ(decision.followed[1].pin, "/sys/fs/bpf/none/*");
  EXPECT_EQ(to_string(decision.followed[1].rule), "policy \"a\" at a.yaml:11:7");
  ASSERT_EQ(decision.grants.size(), 1U);
  EXPECT_TRUE(decision.grants[0].follow);
  EXPECT_EQ(decision.grants[0].missing, model::Missing::kSkip);
  EXPECT_THAT(decision.notes,
              ElementsAre("no pin matches \"/sys/fs/bpf/none/*\" yet; policy \"a\" at a.yaml:11:7",
                          "no pin matches \"/sys/fs/bpf/other/*\"; policy \"a\" at a.yaml:10:7"));
}

TEST(Follow, DoesNotWaitForWhatAGlobMatched) {
  const FakeHost host{.pins = {"/sys/fs/bpf/app/a"}};
  auto waiting = grant("/sys/fs/bpf/app/*");
  waiting.follow = true;
  waiting.missing = model::Missing::kWait;
  EXPECT_EQ(decided({policy("a", {waiting})}, host).grants.at(0).missing, model::Missing::kSkip);
}

// Once another object is there it may not be denied any more.
TEST(Follow, HasWhatIsDeniedForItsObject) {
  const FakeHost host{.pins = {}, .maps = {{"/sys/fs/bpf/a", 7}, {"/sys/fs/bpf/keys/a", 7}}};
  auto followed = grant("/sys/fs/bpf/a");
  followed.follow = true;
  auto by_name = grant("/sys/fs/bpf/keys/b");
  by_name.follow = true;
  const auto decision =
      decided({policy("a", {followed, by_name}, {deny("/sys/fs/bpf/keys/**")})}, host);
  EXPECT_TRUE(decision.grants.empty());
  ASSERT_EQ(decision.followed.size(), 1U);
  EXPECT_EQ(decision.followed[0].pin, "/sys/fs/bpf/a");
}

}  // namespace
}  // namespace pinscope::policy
