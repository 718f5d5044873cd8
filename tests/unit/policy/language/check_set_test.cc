// What check says of a set as a whole: how much it compares, and what it says of this machine.
#include "plugin/policy/language/check_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/policy/language/candidates.h"
#include "plugin/policy/language/overlap.h"
#include "tests/unit/policy/set/samples.h"

namespace pinscope::policy {
namespace {

using model::AtPin;
using model::Policy;
using model::Select;

constexpr size_t kMany = 10000;

Policy policy_for(size_t number, Select select) {
  Policy policy;
  policy.name = "policy-" + std::to_string(number);
  policy.place = {"set.yaml", static_cast<uint32_t>(number + 1), 1};
  policy.select = std::move(select);
  model::Grant grant;
  grant.place = {"set.yaml", static_cast<uint32_t>(number + 1), 5};
  grant.pin = "/sys/fs/bpf/tenant-" + std::to_string(number) + "/flows";
  grant.as = "flows";
  policy.grants = {grant};
  return policy;
}

// Everything that compares policies with each other.
std::vector<Diagnostic> compare(const std::vector<Policy>& policies, SetBudget& budget) {
  auto found = warn_of_conflicts(policies, budget);
  for (auto& more : {warn_of_denied_grants(policies, budget), warn_of_overruled(policies, budget)})
    found.insert(found.end(), more.begin(), more.end());
  return found;
}

TEST(CheckSet, ComparesNoTenantsThatAnExactKeyTellsApart) {
  std::vector<Policy> policies;
  for (size_t i = 0; i < kMany; ++i) {
    policies.push_back(policy_for(i, {.kubernetes_namespaces = {"tenant-" + std::to_string(i)}}));
    policies.back().view.host_bpffs =
        i % 2 == 0 ? model::HostBpffs::kAllow : model::HostBpffs::kMask;
    policies.back().denials = {
        {policies.back().place, "/sys/fs/bpf/tenant-" + std::to_string(i) + "/keys/**"}};
  }
  SetBudget budget;
  EXPECT_TRUE(compare(policies, budget).empty());
  EXPECT_LE(budget.spent(), 2 * kMany);
}

TEST(CheckSet, ComparesOnePolicyForEverybodyOnceWithEachOther) {
  std::vector<Policy> policies = {policy_for(0, {})};
  policies.front().grants.front().as = "everyone";
  for (size_t i = 1; i < kMany; ++i)
    policies.push_back(policy_for(i, {.kubernetes_namespaces = {"tenant-" + std::to_string(i)}}));
  SetBudget budget;
  EXPECT_TRUE(compare(policies, budget).empty());
  EXPECT_LE(budget.spent(), 2 * kMany);
}

TEST(CheckSet, SaysThatItGivesUpWhereItWouldTakeTooLong) {
  Loaded loaded;
  for (size_t i = 0; i < kMany; ++i)
    loaded.policies.push_back(
        policy_for(i, {.kubernetes_namespaces = {"tenant-" + std::to_string(i) + "-*"}}));
  check_set(loaded);
  ASSERT_EQ(loaded.diagnostics.size(), 1U);
  EXPECT_EQ(to_string(loaded.diagnostics[0]),
            "set.yaml:1:1: note: not every policy of this set was compared with the others; that "
            "would take too long: where policies disagree may not be shown");
}

TEST(CheckSet, StopsAtTheLimitOfWhatItShows) {
  std::vector<Policy> policies;
  for (size_t i = 0; i < kMany; ++i) policies.push_back(policy_for(i, {}));
  SetBudget budget;
  EXPECT_EQ(compare(policies, budget).size(), 100U);
  EXPECT_FALSE(budget.is_spent());
}

TEST(Candidates, LeaveOutNobodyWhoMayBeSelectedTogether) {
  Random random(3);
  std::vector<Policy> policies;
  for (uint32_t i = 0; i < 400; ++i) policies.push_back(random.policy(i));
  std::vector<const Policy*> all;
  for (const auto& policy : policies) all.push_back(&policy);
  const Candidates candidates(all);
  size_t left_out = 0;
  for (const auto& policy : policies) {
    const auto found = candidates.of(policy);
    left_out += all.size() - found.size();
    for (uint32_t i = 0; i < all.size(); ++i) {
      const bool is_left_out = std::ranges::find(found, i) == found.end();
      ASSERT_FALSE(is_left_out && may_both_select(policy, *all[i]))
          << policy.name << ", " << all[i]->name;
    }
  }
  EXPECT_GT(left_out, 10000U);
}

std::vector<std::string> findings_for(const std::vector<model::Grant>& grants, AtPin at) {
  Policy policy;
  policy.grants = grants;
  std::vector<std::string> findings;
  for (const auto& each : look_for_pins({policy}, {"/sys/fs/bpf"}, [&](const auto&) { return at; }))
    findings.push_back(to_string(each));
  return findings;
}

model::Grant grant_of(std::string pin, model::Missing missing = model::Missing::kFail) {
  model::Grant grant;
  grant.place = {"a.yaml", 7, 7};
  grant.pin = std::move(pin);
  grant.missing = missing;
  return grant;
}

TEST(LookForPins, NotesWhatIsNotOnThisMachine) {
  EXPECT_THAT(
      findings_for({grant_of("/sys/fs/bpf/flows"), grant_of("/sys/fs/bpf/app/*")}, AtPin::kNothing),
      testing::ElementsAre(
          "a.yaml:7:7: note: there is no pin \"/sys/fs/bpf/flows\" on this machine; until there "
          "is, containers of this policy do not start; say missing: skip if they may",
          "a.yaml:7:7: note: no pin on this machine matches \"/sys/fs/bpf/app/*\"; containers "
          "start without; say missing: skip if that is meant"));
}

TEST(LookForPins, SaysHowADirectoryIsGranted) {
  EXPECT_THAT(
      findings_for({grant_of("/sys/fs/bpf/app")}, AtPin::kDirectory),
      testing::ElementsAre(
          "a.yaml:7:7: warning: \"/sys/fs/bpf/app\" is a directory on this machine; for all "
          "pins below it, write \"/sys/fs/bpf/app/**\""));
}

TEST(LookForPins, LeavesAloneWhatIsThereOrMayBeMissingOrIsSaidElsewhere) {
  EXPECT_THAT(findings_for({grant_of("/sys/fs/bpf/flows")}, AtPin::kPin), testing::IsEmpty());
  EXPECT_THAT(findings_for({grant_of("/sys/fs/bpf/flows")}, AtPin::kNotKnown), testing::IsEmpty());
  EXPECT_THAT(findings_for({grant_of("/sys/fs/bpf/flows", model::Missing::kWait)}, AtPin::kNothing),
              testing::IsEmpty());
  EXPECT_THAT(findings_for({grant_of("/sys/fs/bpf/flows", model::Missing::kSkip)}, AtPin::kNothing),
              testing::IsEmpty());
  EXPECT_THAT(findings_for({grant_of("/elsewhere/flows")}, AtPin::kNothing), testing::IsEmpty());
}

}  // namespace
}  // namespace pinscope::policy
