#include "plugin/policy/decide/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <limits>

#include "tests/unit/policy/decide/deciding.h"

namespace pinscope::policy {
namespace {

using model::Access;
using testing::ElementsAre;
using testing::IsEmpty;

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

TEST(Decide, WhatAGlobWasNotLookedForIsANoteAndNoReasonToStop) {
  const FakeHost fake{{"/sys/fs/bpf/a"}};
  auto host = fake.view();
  host.pins_matching = [](const model::Pattern&) -> Result<model::MatchingPins> {
    return model::MatchingPins{{"/sys/fs/bpf/a"}, {"left out \"/sys/fs/bpf/x\": too deep"}, true};
  };
  const auto decision = decide({policy("a", {grant("/sys/fs/bpf/**")})}, container(), host);
  ASSERT_TRUE(decision);
  EXPECT_THAT(names(*decision), ElementsAre("a <- /sys/fs/bpf/a"));
  EXPECT_THAT(decision->notes, ElementsAre("left out \"/sys/fs/bpf/x\": too deep; policy \"a\" at "
                                           "a.yaml:10:7"));
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
  host.pins_matching = [](const model::Pattern&) -> Result<model::MatchingPins> {
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
    many.reserve(101);
    for (int i = 0; i < 100; ++i) many.push_back(deny("/other/" + std::to_string(i) + "/*"));
    many.push_back(deny(pattern, 99));
    const auto found = decided({policy("a", {grant("/sys/fs/bpf/k/x")}, many)});
    ASSERT_EQ(found.refusals.size(), 1U) << pattern;
    EXPECT_EQ(found.refusals[0].denied_by.place.line, 99U) << pattern;
  }
}

TEST(Decide, DenialOfADirectoryCoversWhatIsBelowIt) {
  for (const char* pattern : {"/sys/fs/bpf/keys", "/sys/fs/bpf/k*", "/sys/*/bpf", "/sys"}) {
    const auto grants = {grant("/sys/fs/bpf/keys/a/tls"), grant("/sys/fs/bpf/keys")};
    EXPECT_EQ(decided({policy("a", grants, {deny(pattern)})}).refusals.size(), 2U) << pattern;
    std::vector<model::Deny> many;
    for (int i = 0; i < 100; ++i) many.push_back(deny("/other/" + std::to_string(i) + "/*"));
    many.push_back(deny(pattern));
    EXPECT_EQ(decided({policy("a", grants, many)}).refusals.size(), 2U) << pattern;
  }
  const auto beside = decided(
      {policy("a", {grant("/sys/fs/bpf/keyring/x"), grant("/sys/fs/bpf/keys-old/y")},
              {deny("/sys/fs/bpf/keys"), deny("/sys/fs/bpf/key/**"), deny("/sys/fs/bpf/key?")})});
  EXPECT_EQ(beside.grants.size(), 2U);
}

// Denials by the object.

TEST(Decide, DenialCoversEveryOtherNameOfTheObject) {
  const FakeHost host{{"/sys/fs/bpf/app/b", "/sys/fs/bpf/app/c"},
                      {{"/sys/fs/bpf/keys/tls", 7},
                       {"/sys/fs/bpf/app/b", 7},
                       {"/sys/fs/bpf/app/c", 8},
                       {"/sys/fs/bpf/again", 7}}};
  for (const char* pattern : {"/sys/fs/bpf/keys/tls", "/sys/fs/bpf/keys", "/sys/fs/bpf/key*/*"}) {
    const auto decision =
        decided({policy("a", {grant("/sys/fs/bpf/app/*"), grant("/sys/fs/bpf/again")}),
                 policy("b", {}, {deny("/other"), deny(pattern, 21)})},
                host);
    EXPECT_THAT(names(decision), ElementsAre("c <- /sys/fs/bpf/app/c")) << pattern;
    ASSERT_EQ(decision.refusals.size(), 2U) << pattern;
    EXPECT_EQ(decision.refusals[0].source, "/sys/fs/bpf/again");
    EXPECT_EQ(decision.refusals[1].source, "/sys/fs/bpf/app/b");
    EXPECT_EQ(decision.refusals[1].denied_as, "/sys/fs/bpf/keys/tls");
    EXPECT_EQ(decision.refusals[1].denied_by.place.line, 21U);
  }
}

TEST(Decide, ObjectsAreComparedWithTheDenialsOfSelectingPoliciesOnly) {
  const FakeHost host{{}, {{"/sys/fs/bpf/keys/tls", 7}, {"/sys/fs/bpf/again", 7}}};
  auto other = policy("b", {}, {deny("/sys/fs/bpf/keys/**")});
  other.select.uids = {0};
  const auto decision = decided({policy("a", {grant("/sys/fs/bpf/again")}), other}, host);
  ASSERT_EQ(decision.grants.size(), 1U);
  EXPECT_EQ(decision.grants[0].object, std::nullopt) << "nothing was asked";
}

TEST(Decide, WhatWasComparedIsWhatMayBeOpened) {
  const FakeHost host{{}, {{"/sys/fs/bpf/flows", 7}}};
  const auto decision = decided(
      {policy("a", {grant("/sys/fs/bpf/flows"), grant("/sys/fs/bpf/gone")}, {deny("/keys")})},
      host);
  ASSERT_EQ(decision.grants.size(), 2U);
  EXPECT_EQ(decision.grants[0].object, (model::ObjectIdentity{model::ObjectKind::kMap, 7}));
  EXPECT_EQ(decision.grants[1].object, model::ObjectIdentity{}) << "nothing was there";
}

TEST(Decide, PinsAreLookedForWhereDenialsStartAndNowhereTwice) {
  std::vector<std::string> starts;
  auto host = FakeHost().view();
  host.compare_objects = [&](const std::vector<std::string>& sources,
                             const model::DeniedPins& denied) -> Result<model::Comparison> {
    starts = denied.starts;
    model::Comparison comparison;
    comparison.sources.resize(sources.size());
    return comparison;
  };
  ASSERT_TRUE(decide({policy("a", {grant("/sys/fs/bpf/x")},
                             {deny("/a/b/**"), deny("/a/b/c/d"), deny("/a/b-c"), deny("/a/b"),
                              deny("/a/b.d/*"), deny("/z/*/y"), deny("/a/b-c")})},
                     container(), host));
  EXPECT_THAT(starts, ElementsAre("/a/b", "/a/b-c", "/a/b.d", "/z"));
}

TEST(Decide, FailureToCompareObjectsIsAnError) {
  auto host = FakeHost().view();
  host.compare_objects = [](const auto&, const auto&) -> Result<model::Comparison> {
    return std::unexpected(Error::system("open denied pin \"/k\"", EACCES));
  };
  const auto decision =
      decide({policy("a", {grant("/sys/fs/bpf/x")}, {deny("/k")})}, container(), host);
  ASSERT_FALSE(decision);
  EXPECT_EQ(decision.error().sentence(),
            "compare what is granted with what is denied: cannot open denied pin \"/k\": "
            "Permission denied");
}

TEST(Decide, DeniedGrantDoesNotClashWithAnother) {
  const auto decision = decided({policy("a", {grant("/sys/fs/bpf/x", "n")}),
                                 policy("b", {grant("/sys/fs/bpf/y", "n")}),
                                 policy("c", {}, {deny("/sys/fs/bpf/y")})});
  EXPECT_THAT(names(decision), ElementsAre("n <- /sys/fs/bpf/x"));
}

TEST(NotSelected, SaysWhyAPolicyThatWasAskedForGivesNothing) {
  model::Policy readers = policy("readers", {grant("/sys/fs/bpf/x")});
  readers.select.uids = {7};
  const auto sentence = [&](const char* name, const model::Container& one) {
    const Error error = not_selected(name, {policy("other", {}), readers}, one, FakeHost().view());
    EXPECT_EQ(error.code(), ErrorCode::kPolicyRequired);
    return error.sentence();
  };
  EXPECT_EQ(sentence("readers", container()),
            "cannot give this container the view of policy \"readers\": the policy does not select "
            "it: user.uid is 1000, wanted 7 (it was asked for as a device, and asking is not "
            "permission); policy \"readers\" at readers.yaml:1:1");
  EXPECT_EQ(sentence("gone", container()),
            "cannot give this container the view of policy \"gone\": there is no such policy "
            "(pinscope cdi list shows devices whose policy is gone)");
  model::Container sandbox = container();
  sandbox.identity.is_sandbox = true;
  EXPECT_EQ(sentence("readers", sandbox),
            "cannot give this container the view of policy \"readers\": a pod's sandbox is left "
            "alone; policy \"readers\" at readers.yaml:1:1");
}

// Processor time to decide on so many grants and twice as many denials; the least of three.
std::clock_t time_to_decide(int count) {
  std::vector<model::Grant> grants;
  std::vector<model::Deny> denials;
  for (int i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    grants.push_back(grant("/sys/fs/bpf/app/map_" + number, "d/e/map_" + number));
    denials.push_back(deny("/sys/fs/bpf/keys/" + number));
    denials.push_back(deny("/sys/fs/bpf/keys/" + number + "/*"));
  }
  const std::vector<model::Policy> policies = {policy("a", grants, denials)};
  std::clock_t least = std::numeric_limits<std::clock_t>::max();
  for (int i = 0; i < 3; ++i) {
    const std::clock_t start = std::clock();
    EXPECT_EQ(decided(policies).grants.size(), static_cast<size_t>(count));
    least = std::min(least, std::clock() - start);
  }
  return least;
}

TEST(Decide, ManyGrantsAndDenialsTakeNoQuadraticTime) {
  constexpr int kSome = 300;
  constexpr int kTimes = 10;
  // A walk of every denial for every grant takes a hundred times as long.
  constexpr std::clock_t kAllowed = 30;
  EXPECT_LT(time_to_decide(kTimes * kSome), kAllowed * time_to_decide(kSome));
}

}  // namespace
}  // namespace pinscope::policy
