#include "plugin/health/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "plugin/inventory/serving.h"

namespace pinscope::health {
namespace {

using testing::IsEmpty;
using Level = model::Finding::Level;

inventory::ValuesService serving(std::vector<model::ServedValues> leases) {
  model::ValuesStatus status{
      .state = model::ValuesState::kServing, .unusable = 0, .leases = std::move(leases)};
  return {.is_set_up = true, .has_holder = true, .status = std::move(status)};
}

// Level and detail of the finding with this name.
std::pair<Level, std::string> finding(const inventory::ValuesService& found, const char* name,
                                      const std::set<std::string>& records = {}) {
  for (const auto& one : judge_values(found, records, {}))
    if (one.name == name) return {one.level, one.detail};
  return {Level::kOk, "there is no such finding"};
}

TEST(HealthOfValues, IsSilentWhereNobodyServesThem) {
  EXPECT_THAT(judge_values({}, {}, {}), IsEmpty());
}

TEST(HealthOfValues, SaysThatPoliciesWantThemAndNothingServesThem) {
  const auto findings = judge_values({}, {}, {"reader", "other"});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings.front().level, Level::kFail);
  EXPECT_EQ(findings.front().detail,
            "policies reader, other want values and nothing serves them: containers that they "
            "select do not start");
  EXPECT_EQ(judge_values({}, {}, {"reader"}).front().detail,
            "policy reader wants values and nothing serves them: containers that it selects do "
            "not start");
}

TEST(HealthOfValues, IsGoodWhereBothAreThere) {
  const auto found = serving({{.container = "web-1"}, {.container = "web-1"}});
  for (const auto& one : judge_values(found, {"web-1"}, {"reader"}))
    EXPECT_EQ(one.level, Level::kOk);
  EXPECT_EQ(finding(found, "service").second, "1 container");
}

TEST(HealthOfValues, SaysWhoIsAway) {
  auto found = serving({});
  found.has_holder = false;
  EXPECT_EQ(finding(found, "holder").first, Level::kFail);
  found.status.reset();
  EXPECT_EQ(finding(found, "service"),
            std::pair(Level::kFail, std::string("away: whoever reads values gets an error")));
  found.has_holder = true;
  EXPECT_EQ(
      finding(found, "service"),
      std::pair(Level::kFail, std::string("away: whoever reads values waits until it is back")));
}

TEST(HealthOfValues, SaysWhatHangsOrCannotBeServed) {
  auto found = serving({});
  found.status->state = model::ValuesState::kStarting;
  EXPECT_EQ(finding(found, "service").first, Level::kWarn);
  found.status->state = model::ValuesState::kWaiting;
  EXPECT_EQ(finding(found, "service").first, Level::kWarn);
  found.status->unusable = 2;
  EXPECT_EQ(finding(found, "leases"),
            std::pair(Level::kFail, std::string("2 containers' values cannot be served")));
}

TEST(HealthOfValues, NamesContainersThatAreSetAside) {
  EXPECT_EQ(finding(serving({{.container = "web-1"}}), "set-aside").first, Level::kOk);
  const auto found = serving({{.container = "web-1"}, {.container = "web-2", .set_aside = true}});
  const auto [level, detail] = finding(found, "set-aside");
  EXPECT_EQ(level, Level::kFail);
  EXPECT_THAT(detail, testing::HasSubstr("ended over those of web-2:"));
}

TEST(HealthOfValues, NamesContainersWithoutARecord) {
  const auto found = serving({{.container = "web-1"}, {.container = "ev\nil"}});
  EXPECT_EQ(finding(found, "records", {"web-1"}),
            std::pair(Level::kWarn, std::string("1 container has values and no record: ev\\nil")));
}

// What `list`, `inspect` and `drift` say of one container.
TEST(ServingOfValues, FollowsFromWhoIsThere) {
  using enum inventory::ServingState;
  using inventory::serving_of;
  auto found = serving({{.container = "web-1"}, {.container = "web-2", .set_aside = true}});
  EXPECT_EQ(serving_of(found, "web-1"), kServed);
  EXPECT_EQ(serving_of(found, "web-2"), kLost) << "readers get EIO";
  EXPECT_EQ(serving_of(found, "web-3"), kLost) << "nobody has its descriptors";
  found.status->state = model::ValuesState::kWaiting;
  EXPECT_EQ(serving_of(found, "web-1"), kServed) << "the service has copies of all";
  EXPECT_EQ(serving_of(found, "web-3"), kWaiting);
  found.status->state = model::ValuesState::kStarting;
  EXPECT_EQ(serving_of(found, "web-1"), kWaiting);
  found.status.reset();
  EXPECT_EQ(serving_of(found, "web-1"), kWaiting);
  found.has_holder = false;
  EXPECT_EQ(serving_of(found, "web-1"), kLost);
  EXPECT_EQ(serving_of({}, "web-1"), kLost);
}

}  // namespace
}  // namespace pinscope::health
