#include "plugin/policy/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <map>

#include "plugin/policy/glob.h"

namespace pinscope::policy {
namespace {

using model::Access;
using testing::ElementsAre;
using testing::IsEmpty;

struct FakeHost {
  std::vector<std::string> pins;

  [[nodiscard]] model::HostView view() const {
    model::HostView host;
    host.same_namespace = [](const model::Container&, model::NamespaceKind, const std::string&) {
      return false;
    };
    host.pins_matching = [this](const model::Pattern& glob) -> Result<std::vector<std::string>> {
      std::vector<std::string> found;
      for (const auto& pin : pins)
        if (glob_matches(glob, pin)) found.push_back(pin);
      return found;
    };
    return host;
  }
};

model::Grant grant(std::string pin, std::string as = "", Access access = Access::kRead,
                   uint32_t line = 10) {
  model::Grant made;
  made.place = {"p.yaml", line, 7};
  made.pin = std::move(pin);
  made.as = std::move(as);
  made.access = access;
  return made;
}

model::Deny deny(std::string pin, uint32_t line = 20) {
  return {{"p.yaml", line, 7}, std::move(pin)};
}

model::Policy policy(std::string name, std::vector<model::Grant> grants,
                     std::vector<model::Deny> denials = {}) {
  model::Policy made;
  made.place = {name + ".yaml", 1, 1};
  for (auto& one : grants) one.place.file = made.place.file;
  for (auto& one : denials) one.place.file = made.place.file;
  made.name = std::move(name);
  made.grants = std::move(grants);
  made.denials = std::move(denials);
  return made;
}

model::Container container() {
  model::Container made;
  made.id = "web-1";
  made.uid = 1000;
  made.gid = 1001;
  return made;
}

model::Decision decided(const std::vector<model::Policy>& policies, const FakeHost& host = {}) {
  auto decision = decide(policies, container(), host.view());
  EXPECT_TRUE(decision) << decision.error().sentence();
  return decision ? *decision : model::Decision{};
}

Error refused(const std::vector<model::Policy>& policies, const FakeHost& host = {}) {
  const auto decision = decide(policies, container(), host.view());
  EXPECT_FALSE(decision);
  return decision ? Error(ErrorCode::kInternal, "") : decision.error();
}

std::vector<std::string> names(const model::Decision& decision) {
  std::vector<std::string> all;
  for (const auto& pin : decision.grants) all.push_back(pin.name + " <- " + pin.source);
  return all;
}

TEST(Decide, WithoutPoliciesTheContainerIsLeftAlone) {
  EXPECT_FALSE(decided({}).selected());
}

TEST(Decide, PolicyThatDoesNotSelectTheContainerGivesNothing) {
  auto other = policy("a", {grant("/sys/fs/bpf/flows")}, {deny("/sys/fs/bpf/x")});
  other.select.uids = {0};
  const auto decision = decided({other});
  EXPECT_FALSE(decision.selected());
  EXPECT_THAT(decision.grants, IsEmpty());
}

TEST(Decide, SandboxContainerIsLeftAlone) {
  auto sandbox = container();
  sandbox.identity.is_sandbox = true;
  const auto decision =
      decide({policy("a", {grant("/sys/fs/bpf/flows")})}, sandbox, FakeHost{}.view());
  ASSERT_TRUE(decision);
  EXPECT_FALSE(decision->selected());
  EXPECT_THAT(decision->grants, IsEmpty());
}

TEST(Decide, PolicyWithoutGrantsStillSelects) {
  const auto decision = decided({policy("everyone", {})});
  ASSERT_TRUE(decision.selected());
  EXPECT_EQ(to_string(decision.selected_by[0]), "policy \"everyone\" at everyone.yaml:1:1");
  EXPECT_EQ(decision.at, "/sys/fs/bpf");
  EXPECT_EQ(decision.layout, model::Layout::kShared);
  EXPECT_EQ(decision.host_bpffs, model::HostBpffs::kMask);
}

TEST(Decide, FillsInTheDefaultsOfAGrant) {
  const auto decision = decided({policy(
      "a", {grant("/sys/fs/bpf/flows"), grant("/sys/fs/bpf/c", "", Access::kReadWrite, 11)})});
  ASSERT_EQ(decision.grants.size(), 2U);
  const auto& counters = decision.grants[0];
  EXPECT_EQ(counters.name, "c");
  EXPECT_EQ(counters.access, Access::kReadWrite);
  EXPECT_EQ(counters.mode, 0660U);
  const auto& flows = decision.grants[1];
  EXPECT_EQ(flows.source, "/sys/fs/bpf/flows");
  EXPECT_EQ(flows.name, "flows");
  EXPECT_EQ(flows.access, Access::kRead);
  EXPECT_EQ(flows.uid, 1000U);
  EXPECT_EQ(flows.gid, 1001U);
  EXPECT_EQ(flows.mode, 0440U);
  EXPECT_EQ(flows.missing, model::Missing::kFail);
  EXPECT_EQ(to_string(flows.rule), "policy \"a\" at a.yaml:10:7");
}

TEST(Decide, KeepsWhatAGrantSays) {
  auto full = grant("/sys/fs/bpf/flows", "net/flows");
  full.uid = 7;
  full.gid = 8;
  full.mode = 0400;
  full.missing = model::Missing::kSkip;
  full.expect.kind = model::ObjectKind::kMap;
  full.expect.map_type = 1;
  full.expect.key_size = 4;
  full.expect.value_size = 8;
  full.expect.max_entries = 16;
  full.expect.object_name = "flows";
  const auto decision = decided({policy("a", {full})});
  ASSERT_EQ(decision.grants.size(), 1U);
  const auto& pin = decision.grants[0];
  EXPECT_EQ(pin.name, "net/flows");
  EXPECT_EQ(pin.uid, 7U);
  EXPECT_EQ(pin.gid, 8U);
  EXPECT_EQ(pin.mode, 0400U);
  EXPECT_EQ(pin.missing, model::Missing::kSkip);
  EXPECT_EQ(pin.expect.kind, model::ObjectKind::kMap);
  EXPECT_EQ(pin.expect.map_type, 1U);
  EXPECT_EQ(pin.expect.key_size, 4U);
  EXPECT_EQ(pin.expect.value_size, 8U);
  EXPECT_EQ(pin.expect.max_entries, 16U);
  EXPECT_EQ(pin.expect.object_name, "flows");
}

TEST(Decide, GivesTheUnionOfAllSelectingPoliciesInTheOrderOfNames) {
  const auto decision = decided({policy("a", {grant("/sys/fs/bpf/z"), grant("/sys/fs/bpf/m")}),
                                 policy("b", {grant("/sys/fs/bpf/a", "n")})});
  EXPECT_THAT(names(decision),
              ElementsAre("m <- /sys/fs/bpf/m", "n <- /sys/fs/bpf/a", "z <- /sys/fs/bpf/z"));
  EXPECT_EQ(decision.selected_by.size(), 2U);
}

TEST(Decide, OneSourceMayHaveTwoNames) {
  const auto decision =
      decided({policy("a", {grant("/sys/fs/bpf/x", "one"), grant("/sys/fs/bpf/x", "two")})});
  EXPECT_THAT(names(decision), ElementsAre("one <- /sys/fs/bpf/x", "two <- /sys/fs/bpf/x"));
}

// Globs.

TEST(Decide, GlobKeepsThePathBelowItsLiteralPrefix) {
  const FakeHost host{{"/sys/fs/bpf/app/a", "/sys/fs/bpf/app/b/c", "/sys/fs/bpf/other"}};
  EXPECT_THAT(names(decided({policy("a", {grant("/sys/fs/bpf/app/**")})}, host)),
              ElementsAre("a <- /sys/fs/bpf/app/a", "b/c <- /sys/fs/bpf/app/b/c"));
  EXPECT_THAT(names(decided({policy("a", {grant("/sys/fs/bpf/app/**", "x/y")})}, host)),
              ElementsAre("x/y/a <- /sys/fs/bpf/app/a", "x/y/b/c <- /sys/fs/bpf/app/b/c"));
  EXPECT_THAT(names(decided({policy("a", {grant("/sys/fs/bpf/*/a")})}, host)),
              ElementsAre("app/a <- /sys/fs/bpf/app/a"));
  EXPECT_THAT(names(decided({policy("a", {grant("/**/other")})}, host)),
              ElementsAre("sys/fs/bpf/other <- /sys/fs/bpf/other"));
}

TEST(Decide, GlobWhoseWholePrefixIsThePinNamesItByItsLastComponent) {
  const FakeHost host{{"/sys/fs/bpf/flows"}};
  EXPECT_THAT(names(decided({policy("a", {grant("/sys/fs/bpf/flows/**", "d")})}, host)),
              ElementsAre("d/flows <- /sys/fs/bpf/flows"));
}

TEST(Decide, GlobThatMatchesNothingIsANote) {
  const auto decision = decided({policy("a", {grant("/sys/fs/bpf/app/*")})});
  EXPECT_TRUE(decision.selected());
  EXPECT_THAT(decision.grants, IsEmpty());
  EXPECT_THAT(decision.notes,
              ElementsAre("no pin matches \"/sys/fs/bpf/app/*\"; policy \"a\" at a.yaml:10:7"));
}

TEST(Decide, GlobLeavesOutWhatABpffsCannotHold) {
  const FakeHost host{{"/sys/fs/bpf/flows", "/sys/fs/bpf/maps.debug", "/sys/fs/bpf/v.1/x"}};
  const auto decision = decided({policy("a", {grant("/sys/fs/bpf/**")})}, host);
  EXPECT_THAT(names(decision), ElementsAre("flows <- /sys/fs/bpf/flows"));
  EXPECT_THAT(decision.notes,
              ElementsAre("skipped \"/sys/fs/bpf/maps.debug\": a name in a bpffs cannot have a "
                          "dot; policy \"a\" at a.yaml:10:7",
                          "skipped \"/sys/fs/bpf/v.1/x\": a name in a bpffs cannot have a dot; "
                          "policy \"a\" at a.yaml:10:7"));
}

TEST(Decide, MatchOfAGlobThatIsGoneLaterIsSkippedUnlessAnotherGrantNamesIt) {
  const FakeHost host{{"/sys/fs/bpf/a", "/sys/fs/bpf/b"}};
  const auto decision =
      decided({policy("a", {grant("/sys/fs/bpf/*"), grant("/sys/fs/bpf/b")})}, host);
  ASSERT_EQ(decision.grants.size(), 2U);
  EXPECT_EQ(decision.grants[0].missing, model::Missing::kSkip);
  EXPECT_EQ(decision.grants[1].missing, model::Missing::kFail);
}

TEST(Decide, FailureToListThePinsIsAnErrorThatNamesTheGrant) {
  auto host = FakeHost{}.view();
  host.pins_matching = [](const model::Pattern&) -> Result<std::vector<std::string>> {
    return std::unexpected(Error::system("open \"/sys/fs/bpf\"", EACCES));
  };
  const auto decision = decide({policy("a", {grant("/sys/fs/bpf/*")})}, container(), host);
  ASSERT_FALSE(decision);
  EXPECT_EQ(decision.error().sentence(),
            "expand the pin of policy \"a\" at a.yaml:10:7: cannot open \"/sys/fs/bpf\": "
            "Permission denied");
}

// Denials.

TEST(Decide, DenialOfOnePolicyWinsOverTheGrantOfAnother) {
  const auto decision =
      decided({policy("a", {grant("/sys/fs/bpf/keys/tls"), grant("/sys/fs/bpf/flows")}),
               policy("b", {}, {deny("/sys/fs/bpf/keys/**")})});
  EXPECT_THAT(names(decision), ElementsAre("flows <- /sys/fs/bpf/flows"));
  ASSERT_EQ(decision.refusals.size(), 1U);
  EXPECT_EQ(decision.refusals[0].source, "/sys/fs/bpf/keys/tls");
  EXPECT_EQ(decision.refusals[0].name, "tls");
  EXPECT_EQ(to_string(decision.refusals[0].granted_by), "policy \"a\" at a.yaml:10:7");
  EXPECT_EQ(to_string(decision.refusals[0].denied_by), "policy \"b\" at b.yaml:20:7");
}

TEST(Decide, DenialCoversWhatAGlobMatched) {
  const FakeHost host{{"/sys/fs/bpf/app/a", "/sys/fs/bpf/app/key_b", "/sys/fs/bpf/app/d/key_c"}};
  const auto decision =
      decided({policy("a", {grant("/sys/fs/bpf/app/**")}, {deny("/sys/fs/bpf/**/key_*")})}, host);
  EXPECT_THAT(names(decision), ElementsAre("a <- /sys/fs/bpf/app/a"));
  EXPECT_EQ(decision.refusals.size(), 2U);
}

TEST(Decide, DenialMatchesTheSourceAndNotTheName) {
  const auto decision = decided({policy("a", {grant("/sys/fs/bpf/flows", "keys")},
                                        {deny("/sys/fs/bpf/keys"), deny("/sys/fs/bpf/flow")})});
  EXPECT_THAT(names(decision), ElementsAre("keys <- /sys/fs/bpf/flows"));
  EXPECT_THAT(decision.refusals, IsEmpty());
}

TEST(Decide, DenialOfAPolicyThatDoesNotSelectTheContainerDoesNothing) {
  auto other = policy("b", {}, {deny("/**")});
  other.select.uids = {0};
  EXPECT_EQ(decided({policy("a", {grant("/sys/fs/bpf/x")}), other}).grants.size(), 1U);
}

TEST(Decide, FirstDenialThatCoversAPinIsItsRule) {
  const auto decision =
      decided({policy("a", {grant("/sys/fs/bpf/k/x")},
                      {deny("/other", 30), deny("/sys/**", 31), deny("/sys/fs/bpf/k/x", 32),
                       deny("/sys/fs/bpf/k/*", 33)})});
  ASSERT_EQ(decision.refusals.size(), 1U);
  EXPECT_EQ(decision.refusals[0].denied_by.place.line, 31U);
}

TEST(Decide, EveryKindOfDenialIsFoundAtEveryDepth) {
  for (const char* pattern :
       {"/**", "/s*/**", "/sys/**", "/sys/fs/bpf/*/x", "/sys/fs/bpf/k/**", "/sys/fs/bpf/k/x",
        "/sys/fs/bpf/k/x/**", "/sys/fs/bpf/k/[x]", "/sys/fs/bpf/\\k/x", "**/x"}) {
    const auto decision = decided({policy("a", {grant("/sys/fs/bpf/k/x")}, {deny(pattern)})});
    EXPECT_EQ(decision.refusals.size(), 1U) << pattern;
    EXPECT_THAT(decision.grants, IsEmpty()) << pattern;
    // And among many, which are looked up in another way.
    std::vector<model::Deny> many;
    for (int i = 0; i < 100; ++i) many.push_back(deny("/other/" + std::to_string(i) + "/*"));
    many.push_back(deny(pattern, 99));
    const auto found = decided({policy("a", {grant("/sys/fs/bpf/k/x")}, many)});
    ASSERT_EQ(found.refusals.size(), 1U) << pattern;
    EXPECT_EQ(found.refusals[0].denied_by.place.line, 99U) << pattern;
  }
}

TEST(Decide, DeniedGrantDoesNotClashWithAnother) {
  const auto decision = decided({policy("a", {grant("/sys/fs/bpf/x", "n")}),
                                 policy("b", {grant("/sys/fs/bpf/y", "n")}),
                                 policy("c", {}, {deny("/sys/fs/bpf/y")})});
  EXPECT_THAT(names(decision), ElementsAre("n <- /sys/fs/bpf/x"));
}

// Merging.

TEST(Decide, SameGrantTwiceIsOneWithTheWiderAccessAndItsRule) {
  const auto decision =
      decided({policy("a", {grant("/sys/fs/bpf/x")}),
               policy("b", {grant("/sys/fs/bpf/x", "x", Access::kReadWrite, 12)})});
  ASSERT_EQ(decision.grants.size(), 1U);
  EXPECT_EQ(decision.grants[0].access, Access::kReadWrite);
  EXPECT_EQ(decision.grants[0].mode, 0660U);
  EXPECT_EQ(to_string(decision.grants[0].rule), "policy \"b\" at b.yaml:12:7");
}

TEST(Decide, OfEqualGrantsTheFirstIsTheRule) {
  const auto decision =
      decided({policy("b", {grant("/sys/fs/bpf/x")}), policy("a", {grant("/sys/fs/bpf/x")})});
  ASSERT_EQ(decision.grants.size(), 1U);
  EXPECT_EQ(decision.grants[0].rule.policy, "b");
}

TEST(Decide, WhatOneGrantLeavesUnsetAnotherMaySay) {
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

// Conflicts.

TEST(Decide, TwoSourcesUnderOneNameAreAConflict) {
  const Error error = refused(
      {policy("a", {grant("/sys/fs/bpf/x", "n")}), policy("b", {grant("/sys/fs/bpf/y", "n")})});
  EXPECT_EQ(error.code(), ErrorCode::kPolicyConflict);
  EXPECT_EQ(error.sentence(),
            "cannot grant \"n\" to container \"web-1\": it would be both \"/sys/fs/bpf/x\" and "
            "\"/sys/fs/bpf/y\" (name one of them differently with \"as\"); policy \"a\" at "
            "a.yaml:10:7 and policy \"b\" at b.yaml:10:7");
}

TEST(Decide, NameBelowAnotherGrantsNameIsAConflict) {
  // "n-m" sorts between the two.
  const Error error = refused({policy("a", {grant("/x", "n"), grant("/y", "n-m")}),
                               policy("b", {grant("/z", "n/deep/er")})});
  EXPECT_EQ(error.code(), ErrorCode::kPolicyConflict);
  EXPECT_EQ(error.sentence(),
            "cannot grant \"n/deep/er\" to container \"web-1\": \"n\" is a grant, so nothing can "
            "be below it (name one of them differently with \"as\"); policy \"a\" at a.yaml:10:7 "
            "and policy \"b\" at b.yaml:10:7");
}

TEST(Decide, NamesThatOnlyBeginAlikeAreNoConflict) {
  EXPECT_EQ(decided({policy("a", {grant("/x", "n"), grant("/y", "nn/m"), grant("/z", "nn/mm")})})
                .grants.size(),
            3U);
}

TEST(Decide, DifferentOwnersAreAConflictThatNamesThoseWhoSaidIt) {
  auto second = grant("/x", "", Access::kRead, 11);
  second.uid = 0;
  auto third = grant("/x", "", Access::kRead, 12);
  third.uid = 1;
  EXPECT_EQ(
      refused({policy("a", {grant("/x")}), policy("b", {second}), policy("c", {third})}).sentence(),
      "cannot grant \"x\" to container \"web-1\": owner.uid is 0 for one policy and 1 for "
      "another; policy \"b\" at b.yaml:11:7 and policy \"c\" at c.yaml:12:7");
  third.uid.reset();
  second.gid = 1;
  third.gid = 2;
  EXPECT_THAT(refused({policy("b", {second}), policy("c", {third})}).sentence(),
              testing::HasSubstr("owner.gid is 1 for one policy and 2 for another"));
}

TEST(Decide, DifferentModesAreAConflict) {
  auto first = grant("/x");
  first.mode = 0440;
  auto second = grant("/x");
  second.mode = 0400;
  EXPECT_EQ(refused({policy("a", {first}), policy("b", {second})}).sentence(),
            "cannot grant \"x\" to container \"web-1\": mode is 0440 for one policy and 0400 for "
            "another; policy \"a\" at a.yaml:10:7 and policy \"b\" at b.yaml:10:7");
}

TEST(Decide, DifferentExpectationsAreAConflict) {
  auto first = grant("/x");
  first.expect.kind = model::ObjectKind::kMap;
  auto second = grant("/x");
  second.expect.kind = model::ObjectKind::kProgram;
  EXPECT_EQ(refused({policy("a", {first}), policy("b", {second})}).sentence(),
            "cannot grant \"x\" to container \"web-1\": expect.kind is map for one policy and "
            "program for another; policy \"a\" at a.yaml:10:7 and policy \"b\" at b.yaml:10:7");
}

TEST(Decide, NameThatTheViewItselfUsesIsAConflict) {
  const Error error = refused({policy("a", {grant("/x", "_rw/x")})});
  EXPECT_EQ(error.code(), ErrorCode::kPolicyConflict);
  EXPECT_EQ(error.sentence(),
            "cannot grant \"_rw/x\" to container \"web-1\": \"_rw\" is where the view itself keeps "
            "what can be written (name it differently with \"as\"); policy \"a\" at a.yaml:10:7");
  EXPECT_EQ(refused({policy("a", {grant("/a/**")})}, {{"/a/_rw/x"}}).code(),
            ErrorCode::kPolicyConflict);
  EXPECT_EQ(decided({policy("a", {grant("/x", "my_rw/x_rw")})}).grants.size(), 1U);
}

TEST(Decide, NameThatABpffsCannotHoldIsAnError) {
  const Error error = refused({policy("a", {grant("/sys/fs/bpf/a.b")})});
  EXPECT_EQ(error.code(), ErrorCode::kPolicyInvalid);
  EXPECT_EQ(error.sentence(),
            "cannot grant \"a.b\" to container \"web-1\": a name in a bpffs cannot have a dot "
            "(name it with \"as\"); policy \"a\" at a.yaml:10:7");
  for (const char* name : {"../x", "a/../b", "/abs", "a//b", "a/", "."})
    EXPECT_EQ(refused({policy("a", {grant("/x", name)})}).code(), ErrorCode::kPolicyInvalid);
}

// The view.

TEST(Decide, ViewOfThePolicyThatSaysSomethingCounts) {
  auto first = policy("a", {});
  auto second = policy("b", {});
  second.view.at = "/run/bpf";
  second.view.layout = model::Layout::kPerMap;
  auto third = second;
  const auto decision = decided({first, second, third});
  EXPECT_EQ(decision.at, "/run/bpf");
  EXPECT_EQ(decision.layout, model::Layout::kPerMap);
}

TEST(Decide, DifferentPlacesOfTheViewAreAConflict) {
  auto first = policy("a", {});
  first.view.at = "/sys/fs/bpf";
  auto second = policy("b", {});
  second.view.at = "/run/bpf";
  const Error error = refused({first, second});
  EXPECT_EQ(error.code(), ErrorCode::kPolicyConflict);
  EXPECT_EQ(error.sentence(),
            "cannot give container \"web-1\" one view: view.at is \"/sys/fs/bpf\" for one policy "
            "and \"/run/bpf\" for another; policy \"a\" at a.yaml:1:1 and policy \"b\" at "
            "b.yaml:1:1");
}

TEST(Decide, DifferentLayoutsAreAConflict) {
  auto first = policy("a", {});
  first.view.layout = model::Layout::kShared;
  auto second = policy("b", {});
  second.view.layout = model::Layout::kBind;
  EXPECT_EQ(refused({first, second}).sentence(),
            "cannot give container \"web-1\" one view: view.layout is shared for one policy and "
            "bind for another; policy \"a\" at a.yaml:1:1 and policy \"b\" at b.yaml:1:1");
}

TEST(Decide, StrictestHostBpffsCounts) {
  const auto strictest = [](std::vector<std::optional<model::HostBpffs>> said) {
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

TEST(Decide, ReadGrantOfAnotherPolicyConflictsWithBind) {
  auto first = policy("a", {grant("/x", "", Access::kReadWrite)});
  first.view.layout = model::Layout::kBind;
  EXPECT_EQ(decided({first}).layout, model::Layout::kBind);
  const Error error = refused({first, policy("b", {grant("/y")})});
  EXPECT_EQ(error.code(), ErrorCode::kPolicyConflict);
  EXPECT_EQ(error.sentence(),
            "cannot grant \"y\" to container \"web-1\": view.layout is bind for one policy, which "
            "cannot enforce access: read of another (use layout shared, or access: read-write); "
            "policy \"a\" at a.yaml:1:1 and policy \"b\" at b.yaml:10:7");
}

TEST(Decide, ManyGrantsAndDenialsTakeNoQuadraticTime) {
  constexpr int kMany = 50000;
  std::vector<model::Grant> grants;
  std::vector<model::Deny> denials;
  for (int i = 0; i < kMany; ++i) {
    const std::string number = std::to_string(i);
    grants.push_back(grant("/sys/fs/bpf/app/map_" + number, "d/e/map_" + number));
    denials.push_back(deny("/sys/fs/bpf/keys/" + number));
    denials.push_back(deny("/sys/fs/bpf/keys/" + number + "/*"));
  }
  const std::vector<model::Policy> policies = {policy("a", grants, denials)};
  const std::clock_t start = std::clock();
  EXPECT_EQ(decided(policies).grants.size(), static_cast<size_t>(kMany));
  // A walk of every denial for every grant would be five thousand million steps.
  EXPECT_LT(std::clock() - start, 8 * CLOCKS_PER_SEC);
}

}  // namespace
}  // namespace pinscope::policy
