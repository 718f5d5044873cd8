#include "plugin/health/follow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace pinscope::health {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Level = model::Finding::Level;

inventory::FollowService following(const model::FollowStatus& status = {}) {
  return {.is_set_up = true, .listens = true, .status = status};
}

const inventory::FollowService kAway{.is_set_up = true};
const Followed kAsked{.policies = {"web"}, .containers = {"web-1", "web-2"}};
const Followed kEnds{.with_an_end = {"web-1"}};

// Level, detail and action of the finding with this name.
std::tuple<Level, std::string, std::string> finding(const inventory::FollowService& found,
                                                    const Followed& followed,
                                                    const char* name = "service") {
  for (const auto& one : judge_follow(found, followed))
    if (one.area == "follow" && one.name == name) return {one.level, one.detail, one.action};
  return {Level::kOk, "there is no such finding", ""};
}

TEST(HealthOfFollow, IsSilentWhereNothingAsksForItAndItWasNeverThere) {
  EXPECT_THAT(judge_follow({}, {}), IsEmpty());
}

TEST(HealthOfFollow, SaysThatNobodyFollowsWhatAsksForIt) {
  EXPECT_EQ(
      finding({}, kAsked),
      std::tuple(Level::kFail,
                 "nobody follows: views of containers that run stay as they are; 1 policy asks for "
                 "it: web; 2 containers have views that are to follow: web-1, web-2",
                 "enable pinscope-follow.service, or run pinscoped --follow"));
  EXPECT_THAT(std::get<1>(finding(kAway, kAsked)), HasSubstr("away: views of containers"));
  EXPECT_EQ(std::get<0>(finding(kAway, kAsked)), Level::kFail);
  EXPECT_EQ(std::get<0>(finding({}, {.policies = {"web"}})), Level::kFail);
  EXPECT_EQ(std::get<0>(finding({}, {.containers = {"web-1"}})), Level::kFail);
}

TEST(HealthOfFollow, SaysThatNobodyEndsExceptions) {
  const auto [level, detail, action] = finding({}, kEnds);
  EXPECT_EQ(level, Level::kFail);
  EXPECT_THAT(detail, HasSubstr("1 container has an exception that ends: web-1"));
  EXPECT_THAT(action, HasSubstr("pinscope-exceptions.timer is enough"));
}

// The timer does that, and nothing else.
TEST(HealthOfFollow, LeavesExceptionsToTheirTimer) {
  auto followed = kEnds;
  followed.are_exceptions_undone = true;
  EXPECT_THAT(judge_follow({}, followed), IsEmpty());
  EXPECT_EQ(std::get<0>(finding(kAway, followed)), Level::kWarn);
  followed.policies = {"web"};
  const auto [level, detail, action] = finding({}, followed);
  EXPECT_EQ(level, Level::kFail);
  EXPECT_THAT(detail, Not(HasSubstr("exception")));
  EXPECT_THAT(action, Not(HasSubstr("timer")));
}

TEST(HealthOfFollow, WarnsOfOneThatIsAwayWhereNothingAsksForIt) {
  EXPECT_EQ(std::get<0>(finding(kAway, {})), Level::kWarn);
}

TEST(HealthOfFollow, DoesNotTakeOneThatIsBusyForAway) {
  const inventory::FollowService busy{.is_set_up = true, .listens = true};
  const auto [level, detail, action] = finding(busy, kAsked);
  EXPECT_EQ(level, Level::kWarn);
  EXPECT_THAT(detail, HasSubstr("does not answer in time"));
}

TEST(HealthOfFollow, IsGoodWhereItFollows) {
  const auto findings =
      judge_follow(following({.containers = 1, .sources = 3, .watches = 2}), kAsked);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings.front().level, Level::kOk);
  EXPECT_EQ(findings.front().detail, "1 container, 3 sources, 2 directories");
}

TEST(HealthOfFollow, WarnsOfWhatItCannotDo) {
  EXPECT_EQ(std::get<0>(finding(following({.without_watch = 1}), {}, "watches")), Level::kWarn);
  EXPECT_EQ(std::get<0>(finding(following({.paused = 1}), {}, "paused")), Level::kWarn);
  EXPECT_EQ(std::get<0>(finding(following({.retrying = 2}), {}, "tries")), Level::kWarn);
  EXPECT_EQ(std::get<1>(finding(following({.retrying = 2}), {}, "tries")),
            "2 containers could not be changed, and will be tried again");
  EXPECT_EQ(std::get<1>(finding(following({.without_watch = 1}), {}, "watches")),
            "1 directory is without a watch: looked at every two seconds");
}

model::Policy policy(const char* name) {
  model::Policy policy;
  policy.name = name;
  policy.grants.resize(1);
  return policy;
}

TEST(FollowedByPolicies, IsWhatSaysFollowWaitOrApply) {
  auto follows = policy("follows");
  follows.grants.front().follow = true;
  auto waits = policy("waits");
  waits.grants.front().missing = model::Missing::kWait;
  auto applies = policy("app\nlies");
  applies.on_change = model::OnChange::kApply;
  auto always = policy("always");
  always.on_change = model::OnChange::kApplyAlways;
  auto reports = policy("reports");
  reports.on_change = model::OnChange::kReport;
  EXPECT_THAT(followed_by({policy("plain"), follows, waits, applies, always, reports}, {}).policies,
              ElementsAre("follows", "waits", "app\\nlies", "always"));
}

model::Record record(const char* id) {
  model::Record record;
  record.given.id = id;
  record.given.pins.resize(1);
  record.exceptions.resize(1);  // that does not end
  return record;
}

TEST(FollowedByRecords, IsWhatTheyFollowAndWhatEnds) {
  auto pin = record("pin");
  pin.given.pins.front().grant.follow = true;
  auto glob = record("glob");
  glob.followed.resize(1);
  auto applies = record("applies");
  applies.on_change = model::OnChange::kApply;
  auto ends = record("en\nds");
  ends.exceptions.front().until_ns = 1;
  const auto followed = followed_by({}, {record("plain"), pin, glob, applies, ends});
  EXPECT_THAT(followed.containers, ElementsAre("pin", "glob", "applies"));
  EXPECT_THAT(followed.with_an_end, ElementsAre("en\\nds"));
}

}  // namespace
}  // namespace pinscope::health
