// What decide() makes of several policies that select one container: what it merges, and what it
// refuses because they disagree.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/policy/decide/deciding.h"

namespace pinscope::policy {
namespace {

using model::Access;

TEST(Merge, SameGrantTwiceIsOneWithTheWiderAccessAndItsRule) {
  const auto decision =
      decided({policy("a", {grant("/sys/fs/bpf/x")}),
               policy("b", {grant("/sys/fs/bpf/x", "x", Access::kReadWrite, 12)})});
  ASSERT_EQ(decision.grants.size(), 1U);
  EXPECT_EQ(decision.grants[0].access, Access::kReadWrite);
  EXPECT_EQ(decision.grants[0].mode, 0660U);
  EXPECT_EQ(to_string(decision.grants[0].rule), "policy \"b\" at b.yaml:12:7");
}

TEST(Merge, OfEqualGrantsTheFirstIsTheRule) {
  const auto decision =
      decided({policy("b", {grant("/sys/fs/bpf/x")}), policy("a", {grant("/sys/fs/bpf/x")})});
  ASSERT_EQ(decision.grants.size(), 1U);
  EXPECT_EQ(decision.grants[0].rule.policy, "b");
}

TEST(Merge, WhatOneGrantLeavesUnsetAnotherMaySay) {
  auto first = grant("/sys/fs/bpf/x");
  first.mode = 0444;
  first.expect.key_size = 4;
  first.missing = model::Missing::kSkip;
  auto second = grant("/sys/fs/bpf/x", "x", Access::kReadWrite);
  second.uid = 0;
  second.expect.value_size = 8;
  const auto decision = decided({policy("a", {first}), policy("b", {second})});
  ASSERT_EQ(decision.grants.size(), 1U);
  const auto& pin = decision.grants[0];
  EXPECT_EQ(pin.mode, 0444U);
  EXPECT_EQ(pin.uid, 0U);
  EXPECT_EQ(pin.gid, 1001U);
  EXPECT_EQ(pin.expect.key_size, 4U);
  EXPECT_EQ(pin.expect.value_size, 8U);
  EXPECT_EQ(pin.missing, model::Missing::kFail);
}

TEST(Merge, TwoUsesOfAProgramAreOne) {
  const auto decision = decided({policy("a", {grant("/sys/fs/bpf/x", "x", Access::kUse)}),
                                 policy("b", {grant("/sys/fs/bpf/x", "x", Access::kUse)})});
  ASSERT_EQ(decision.grants.size(), 1U);
  EXPECT_EQ(decision.grants[0].access, Access::kUse);
  EXPECT_EQ(decision.grants[0].mode, 0660U);
}

// Conflicts.

TEST(Merge, UseAndReadOfOnePinAreAConflict) {
  const Error error = refused({policy("a", {grant("/sys/fs/bpf/x", "x", Access::kReadWrite)}),
                               policy("b", {grant("/sys/fs/bpf/x", "x", Access::kUse)})});
  EXPECT_EQ(error.code(), ErrorCode::kPolicyConflict);
  EXPECT_EQ(error.sentence(),
            "cannot grant \"x\": access is read-write for one policy and "
            "use for another; policy \"a\" at a.yaml:10:7 and policy \"b\" at b.yaml:10:7");
}

TEST(Merge, TwoSourcesUnderOneNameAreAConflict) {
  const Error error = refused(
      {policy("a", {grant("/sys/fs/bpf/x", "n")}), policy("b", {grant("/sys/fs/bpf/y", "n")})});
  EXPECT_EQ(error.code(), ErrorCode::kPolicyConflict);
  EXPECT_EQ(error.sentence(),
            "cannot grant \"n\": it would be both \"/sys/fs/bpf/x\" and "
            "\"/sys/fs/bpf/y\" (name one of them differently with \"as\"); policy \"a\" at "
            "a.yaml:10:7 and policy \"b\" at b.yaml:10:7");
}

TEST(Merge, NameBelowAnotherGrantsNameIsAConflict) {
  // "n-m" sorts between the two.
  const Error error = refused({policy("a", {grant("/x", "n"), grant("/y", "n-m")}),
                               policy("b", {grant("/z", "n/deep/er")})});
  EXPECT_EQ(error.code(), ErrorCode::kPolicyConflict);
  EXPECT_EQ(error.sentence(),
            "cannot grant \"n/deep/er\": \"n\" is a grant, so nothing can "
            "be below it (name one of them differently with \"as\"); policy \"a\" at a.yaml:10:7 "
            "and policy \"b\" at b.yaml:10:7");
}

TEST(Merge, NamesThatOnlyBeginAlikeAreNoConflict) {
  EXPECT_EQ(decided({policy("a", {grant("/x", "n"), grant("/y", "nn/m"), grant("/z", "nn/mm")})})
                .grants.size(),
            3U);
}

TEST(Merge, DifferentOwnersAreAConflictThatNamesThoseWhoSaidIt) {
  auto second = grant("/x", "", Access::kRead, 11);
  second.uid = 0;
  auto third = grant("/x", "", Access::kRead, 12);
  third.uid = 1;
  EXPECT_EQ(
      refused({policy("a", {grant("/x")}), policy("b", {second}), policy("c", {third})}).sentence(),
      "cannot grant \"x\": owner.uid is 0 for one policy and 1 for "
      "another; policy \"b\" at b.yaml:11:7 and policy \"c\" at c.yaml:12:7");
  third.uid.reset();
  second.gid = 1;
  third.gid = 2;
  EXPECT_THAT(refused({policy("b", {second}), policy("c", {third})}).sentence(),
              testing::HasSubstr("owner.gid is 1 for one policy and 2 for another"));
}

TEST(Merge, DifferentModesAreAConflict) {
  auto first = grant("/x");
  first.mode = 0440;
  auto second = grant("/x");
  second.mode = 0400;
  EXPECT_EQ(refused({policy("a", {first}), policy("b", {second})}).sentence(),
            "cannot grant \"x\": mode is 0440 for one policy and 0400 for "
            "another; policy \"a\" at a.yaml:10:7 and policy \"b\" at b.yaml:10:7");
}

TEST(Merge, DifferentExpectationsAreAConflict) {
  auto first = grant("/x");
  first.expect.kind = model::ObjectKind::kMap;
  auto second = grant("/x");
  second.expect.kind = model::ObjectKind::kProgram;
  EXPECT_EQ(refused({policy("a", {first}), policy("b", {second})}).sentence(),
            "cannot grant \"x\": expect.kind is map for one policy and "
            "program for another; policy \"a\" at a.yaml:10:7 and policy \"b\" at b.yaml:10:7");
}

TEST(Merge, NameThatTheViewItselfUsesIsAConflict) {
  const Error error = refused({policy("a", {grant("/x", "_rw/x")})});
  EXPECT_EQ(error.code(), ErrorCode::kPolicyConflict);
  EXPECT_EQ(error.sentence(),
            "cannot grant \"_rw/x\": \"_rw\" is where the view itself keeps "
            "what can be written (name it differently with \"as\"); policy \"a\" at a.yaml:10:7");
  EXPECT_EQ(decided({policy("a", {grant("/x", "my_rw/x_rw")})}).grants.size(), 1U);
}

TEST(Merge, NameThatTheViewItselfUsesIsLeftOutWhereAGlobMatchesIt) {
  const auto decision = decided({policy("a", {grant("/a/**")})}, {{"/a/_rw/x", "/a/y"}});
  ASSERT_EQ(decision.grants.size(), 1U);
  EXPECT_EQ(decision.grants.front().name, "y");
  ASSERT_EQ(decision.notes.size(), 1U);
  EXPECT_EQ(decision.notes.front(),
            "skipped \"/a/_rw/x\": \"_rw\" is where the view itself keeps what can be written; "
            "policy \"a\" at a.yaml:10:7");
}

TEST(Merge, NameThatABpffsCannotHoldIsAnError) {
  const Error error = refused({policy("a", {grant("/sys/fs/bpf/a.b")})});
  EXPECT_EQ(error.code(), ErrorCode::kPolicyInvalid);
  EXPECT_EQ(error.sentence(),
            "cannot grant \"a.b\": a name in a bpffs cannot have a dot "
            "(name it with \"as\"); policy \"a\" at a.yaml:10:7");
  for (const char* name : {"../x", "a/../b", "/abs", "a//b", "a/", "."})
    EXPECT_EQ(refused({policy("a", {grant("/x", name)})}).code(), ErrorCode::kPolicyInvalid);
}

// The view.

TEST(Merge, ViewOfThePolicyThatSaysSomethingCounts) {
  auto first = policy("a", {});
  auto second = policy("b", {});
  second.view.at = "/run/bpf";
  second.view.layout = model::Layout::kPerMap;
  auto third = second;
  const auto decision = decided({first, second, third});
  EXPECT_EQ(decision.at, "/run/bpf");
  EXPECT_EQ(decision.layout, model::Layout::kPerMap);
}

TEST(Merge, DifferentPlacesOfTheViewAreAConflict) {
  auto first = policy("a", {});
  first.view.at = "/sys/fs/bpf";
  auto second = policy("b", {});
  second.view.at = "/run/bpf";
  const Error error = refused({first, second});
  EXPECT_EQ(error.code(), ErrorCode::kPolicyConflict);
  EXPECT_EQ(error.sentence(),
            "cannot make one view: view.at is \"/sys/fs/bpf\" for one policy "
            "and \"/run/bpf\" for another; policy \"a\" at a.yaml:1:1 and policy \"b\" at "
            "b.yaml:1:1");
}

TEST(Merge, DifferentLayoutsAreAConflict) {
  auto first = policy("a", {});
  first.view.layout = model::Layout::kShared;
  auto second = policy("b", {});
  second.view.layout = model::Layout::kBind;
  EXPECT_EQ(refused({first, second}).sentence(),
            "cannot make one view: view.layout is shared for one policy and "
            "bind for another; policy \"a\" at a.yaml:1:1 and policy \"b\" at b.yaml:1:1");
}

TEST(Merge, StrictestHostBpffsCounts) {
  const auto strictest = [](const std::vector<std::optional<model::HostBpffs>>& said) {
    std::vector<model::Policy> policies;
    for (const auto& one : said) {
      policies.push_back(policy("p", {}));
      policies.back().view.host_bpffs = one;
    }
    return decided(policies).host_bpffs;
  };
  using enum model::HostBpffs;
  EXPECT_EQ(strictest({std::nullopt}), kMask);
  EXPECT_EQ(strictest({kAllow}), kAllow);
  EXPECT_EQ(strictest({kAllow, std::nullopt}), kAllow);
  EXPECT_EQ(strictest({kAllow, kMask}), kMask);
  EXPECT_EQ(strictest({kReject, kMask, kAllow}), kReject);
  EXPECT_EQ(strictest({kAllow, kReject}), kReject);
}

TEST(Merge, OnePolicyThatRejectsVoidViewsIsEnough) {
  const auto rejected_by = [](const std::vector<std::optional<model::VoidView>>& said) {
    std::vector<model::Policy> policies;
    for (const auto& one : said) {
      policies.push_back(policy(std::string(1, static_cast<char>('a' + policies.size())), {}));
      policies.back().view.void_view = one;
    }
    const auto rule = decided(policies).void_rejected_by;
    return rule ? to_string(*rule) : "";
  };
  using enum model::VoidView;
  EXPECT_EQ(rejected_by({std::nullopt}), "");
  EXPECT_EQ(rejected_by({kAllow, std::nullopt}), "");
  EXPECT_EQ(rejected_by({kAllow, kReject}), "policy \"b\" at b.yaml:1:1");
  EXPECT_EQ(rejected_by({kReject, kReject, kAllow}), "policy \"a\" at a.yaml:1:1");
}

TEST(Merge, ReadGrantOfAnotherPolicyConflictsWithBind) {
  auto first = policy("a", {grant("/x", "", Access::kReadWrite)});
  first.view.layout = model::Layout::kBind;
  EXPECT_EQ(decided({first}).layout, model::Layout::kBind);
  const Error error = refused({first, policy("b", {grant("/y")})});
  EXPECT_EQ(error.code(), ErrorCode::kPolicyConflict);
  EXPECT_EQ(error.sentence(),
            "cannot grant \"y\": view.layout is bind for one policy, which "
            "cannot enforce access: read of another (use layout shared, or access: read-write); "
            "policy \"a\" at a.yaml:1:1 and policy \"b\" at b.yaml:10:7");
}

}  // namespace
}  // namespace pinscope::policy
