// The steps of values: their own file system, made and handed over before the container is entered,
// and attached last.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "plugin/plan/build.h"
#include "plugin/plan/print.h"
#include "tests/unit/plan/decisions.h"

namespace pinscope::plan {
namespace {

using model::Layout;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> planned(const model::Decision& decision,
                                 const model::Container& container = {},
                                 const model::Features& features = {}) {
  const auto plan = build(decision, container, features);
  EXPECT_TRUE(plan) << (plan ? "" : plan.error().sentence());
  std::vector<std::string> all;
  if (plan)
    for (const auto& step : plan->steps) all.push_back(to_text(step, *plan));
  return all;
}

ptrdiff_t index_of(const std::vector<std::string>& all, const std::string& part) {
  const auto found = std::ranges::find_if(
      all, [&](const std::string& line) { return line.find(part) != std::string::npos; });
  EXPECT_NE(found, all.end()) << part;
  return found - all.begin();
}

model::GrantedPin shown(model::GrantedPin grant, bool pin = true) {
  grant.pin = pin;
  grant.values = model::Values();
  return grant;
}

constexpr const char* kShowFlows =
    "show the values of \"/sys/fs/bpf/flows\" as \"flows\", json, listing 10000, up to 0 ms old, "
    "owner 0:0, mode 0440; policy \"p\" at p.yaml:3:5";

TEST(PlanValues, AloneMakeNoViewAndStillHideTheHostsBpffs) {
  EXPECT_THAT(
      planned(deciding({shown(readable("flows"), false)})),
      ElementsAre("make fuse instance 0 for values, and reach their holder",
                  "mount 0 shows the root of instance 0", kShowFlows,
                  "hand the values to their holder", "enter the container's mount namespace",
                  "detach every bpffs mounted below the container's root",
                  "find or make \"/run/bpf\" below the container's root",
                  "attach mount 0 at the target", "verify that \"/run/bpf\" is mount 0"));
}

TEST(PlanValues, FollowThePinThatOpenedTheirObject) {
  for (const auto layout : {Layout::kShared, Layout::kPerMap, Layout::kBind}) {
    auto decision = deciding({shown(writable("flows")), shown(writable("other"), false)});
    decision.layout = layout;
    const auto steps = planned(decision);
    const auto opened =
        index_of(steps, layout == Layout::kBind ? "shows the host's" : "pin \"/sys");
    EXPECT_EQ(index_of(steps, "show the values of \"/sys/fs/bpf/flows\""), opened + 1);
    EXPECT_THAT(steps, Not(Contains(HasSubstr("view/other"))));
    EXPECT_LT(index_of(steps, "show the values of \"/sys/fs/bpf/other\""),
              index_of(steps, "hand the values"));
  }
}

TEST(PlanValues, AreHandedOverBeforeTheContainerIsEnteredAndAttachedLast) {
  auto container = model::Container();
  container.masked_paths = {"/proc/kcore"};
  container.readonly_paths = {"/proc/sys"};
  for (const bool detached : {true, false}) {
    model::Features features;
    features.detached_trees = detached;
    const auto steps = planned(deciding({shown(readable("flows"))}), container, features);
    EXPECT_LT(index_of(steps, "hand the values"), index_of(steps, "enter the container"));
    ASSERT_GE(steps.size(), 4U);
    EXPECT_THAT(
        std::vector<std::string>(steps.end() - 4, steps.end()),
        ElementsAre(
            "find or make \"/run/bpf\" below the container's root",
            "refuse if the runtime masks \"/run/bpf\" or makes it read-only after its hooks",
            "attach mount 0 at the target", "verify that \"/run/bpf\" is mount 0"));
  }
}

TEST(PlanValues, BelongToTheHostsIdsOfTheirOwner) {
  auto grant = shown(readable("flows"), false);
  grant.uid = 5;
  grant.gid = 6;
  model::Container container;
  container.uid_map = {{0, 100000, 65536}};
  container.gid_map = {{0, 200000, 65536}};
  EXPECT_THAT(planned(deciding({grant}), container), Contains(HasSubstr("owner 100005:200006")));
  grant.uid = 70000;
  const auto refused = build(deciding({grant}), container, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kIdNotMapped);
}

TEST(PlanValues, AreNotLinkedBesideTokens) {
  auto decision = deciding({shown(readable("flows"), false)});
  decision.delegation.emplace().rules = {{}};
  model::Container container;
  container.uid_map = container.gid_map = {{0, 100000, 65536}};
  EXPECT_THAT(planned(decision, container), Not(Contains(HasSubstr("make link"))));
}

TEST(PlanValues, ThatNobodyReadsAreNoReasonForAHolder) {
  EXPECT_THAT(planned(deciding({readable("flows")})), Not(Contains(HasSubstr("holder"))));
}

TEST(PlanValues, SayInJsonWhatTheyShow) {
  const auto plan = build(deciding({shown(readable("flows"), false)}), {}, {});
  ASSERT_TRUE(plan);
  JsonWriter json;
  to_json(*plan, json);
  const std::string text(json.text());
  EXPECT_THAT(text, HasSubstr(R"({"step":"make-values","instance":0})"));
  EXPECT_THAT(text, HasSubstr(R"("step":"show-values","name":"flows","source":"/sys/fs/bpf/flows",)"
                              R"("form":"json","list":10000,"max_age_ms":0,"uid":0,"gid":0)"));
  EXPECT_THAT(text, HasSubstr(R"({"step":"hand-over-values"})"));
  EXPECT_THAT(text, HasSubstr(R"({"step":"verify-values","mount":0,"at":"/run/bpf"})"));
}

}  // namespace
}  // namespace pinscope::plan
