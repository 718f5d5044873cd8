// The steps of a view that gives BPF tokens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/plan/build.h"
#include "plugin/plan/print.h"
#include "tests/unit/plan/decisions.h"

namespace pinscope::plan {
namespace {

using model::TokenRight;
using ::testing::HasSubstr;

model::Decision delegating(model::Decision decision = deciding({}), bool pinning = false) {
  model::Delegation delegation;
  delegation.rights.add(model::BpfCommand::kMapCreate);
  delegation.rights.add(TokenRight::kMap, 1);
  delegation.pinning = pinning;
  delegation.rules = {{"p", {"p.yaml", 7, 3}}};
  decision.delegation = std::move(delegation);
  return decision;
}

model::Container mapped(model::IdMap map = {{0, 100000, 65536}}) {
  model::Container container;
  container.id = "web-1";
  container.uid = 5;
  container.gid = 6;
  container.uid_map = container.gid_map = std::move(map);
  return container;
}

std::string planned(const model::Decision& decision, const model::Container& container = mapped(),
                    const model::Features& features = {}) {
  const auto plan = build(decision, container, features);
  EXPECT_TRUE(plan) << (plan ? "" : plan.error().sentence());
  return plan ? to_text(*plan) : "";
}

TEST(PlanDelegate, ShowsTheRootThatNobodyOwns) {
  EXPECT_EQ(planned(delegating()),
            "1. make bpf instance 0 in the container's user namespace, which delegates commands "
            "map_create, maps hash, programs none, attach none; its root belongs to 0:0, which the "
            "container does not know\n"
            "2. mount 0 shows the root of instance 0\n"
            "3. make the superblock of instance 0 read-only\n"
            "4. enter the container's mount namespace\n"
            "5. detach every bpffs mounted below the container's root\n"
            "6. find or make \"/sys/fs/bpf\" below the container's root\n"
            "7. attach mount 0 at the target\n"
            "8. verify that \"/sys/fs/bpf\" is mount 0\n"
            "9. verify that mount 0 delegates that and nothing else\n");
}

TEST(PlanDelegate, PutsGrantsBehindOneLinkForEachFirstName) {
  const auto text = planned(
      delegating(deciding({readable("flows"), writable("net/counters"), writable("net/totals")})));
  EXPECT_THAT(text, HasSubstr("2. make directory \"view\" in instance 0\n"));
  EXPECT_THAT(text, HasSubstr("make link \"flows\" to \"/run/pinscope/flows\" in instance 2\n"));
  EXPECT_THAT(text, HasSubstr("make link \"net\" to \"/run/pinscope/net\" in instance 2\n"));
  EXPECT_EQ(text.find("/run/pinscope/net/"), std::string::npos);
  const size_t grants = text.find("find or make \"/run/pinscope\"");
  const size_t tokens = text.find("find or make \"/sys/fs/bpf\"");
  EXPECT_LT(grants, tokens);
  EXPECT_NE(tokens, std::string::npos);
}

// A directory would belong to somebody in the namespace, who could pin there.
TEST(PlanDelegate, MakesNoDirectoryInIt) {
  for (const bool detached : {true, false}) {
    model::Features features;
    features.detached_trees = detached;
    for (const auto layout :
         {model::Layout::kShared, model::Layout::kPerMap, model::Layout::kBind}) {
      const auto decision = delegating(deciding({writable("a/b"), writable("c")}, layout));
      const auto plan = build(decision, mapped(), features);
      ASSERT_TRUE(plan);
      std::optional<model::InstanceId> delegated;
      for (const auto& step : plan->steps)
        if (const auto* made = std::get_if<model::MakeDelegatedInstance>(&step))
          delegated = made->instance;
      ASSERT_TRUE(delegated);
      for (const auto& step : plan->steps)
        if (const auto* made = std::get_if<model::MakeDirectory>(&step)) {
          EXPECT_NE(made->instance, *delegated);
        }
    }
  }
}

TEST(PlanDelegate, GivesTheRootToAnIdThatIsNotMapped) {
  EXPECT_THAT(planned(delegating(), mapped({{0, 100000, 10}, {10, 0, 5}, {15, 5, 2}})),
              HasSubstr("its root belongs to 7:7, which"));
  EXPECT_THAT(planned(delegating(), mapped({{0, 0, 1}, {1, 1, 4294967293U}})),
              HasSubstr("its root belongs to 4294967294:4294967294, which"));
}

TEST(PlanDelegate, IsRefusedWhereEveryIdIsMapped) {
  const auto plan = build(delegating(), mapped({{0, 0, 4294967295U}}), {});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code(), ErrorCode::kDelegation);
  EXPECT_EQ(
      plan.error().sentence(),
      "cannot delegate BPF: its user namespace maps every id of the host, so its root may pin "
      "anywhere; policy \"p\" at p.yaml:7:3");
}

TEST(PlanDelegate, LeavesTheRootToTheContainerIfItMayPin) {
  const auto text = planned(delegating(deciding({}), true));
  EXPECT_THAT(text, HasSubstr("its root belongs to 100005:100006 of the container\n"));
  EXPECT_EQ(text.find("read-only"), std::string::npos);
  const auto plan = build(delegating(deciding({}), true), mapped({{0, 100000, 5}}), {});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().sentence(),
            "cannot delegate BPF: its user namespace does not map its own process's user; policy "
            "\"p\" at p.yaml:7:3");
}

// Without root in the namespace its first id makes the links.
TEST(PlanDelegate, MakesLinksAsSomebodyOfTheNamespace) {
  const auto plan = build(delegating(), mapped({{1000, 200000, 5}}), {});
  ASSERT_TRUE(plan);
  const auto& made = std::get<model::MakeDelegatedInstance>(plan->steps.front());
  EXPECT_EQ(made.maker_uid, 200000U);
  EXPECT_EQ(made.maker_gid, 200000U);
}

TEST(PlanDelegate, IsWrittenAsJson) {
  const auto plan = build(delegating(), mapped(), {});
  ASSERT_TRUE(plan);
  JsonWriter json;
  to_json(*plan, json);
  EXPECT_THAT(
      std::string(json.text()),
      HasSubstr(R"({"step":"make-delegated-instance","instance":0,"commands":["map_create"],)"
                R"("maps":["hash"],"programs":[],"attach":[],"pinning":false,"root_uid":0,)"
                R"("root_gid":0,"maker_uid":100000,"maker_gid":100000},)"
                R"({"step":"show-root","mount":0,"instance":0})"));
  EXPECT_THAT(std::string(json.text()),
              HasSubstr(R"({"step":"verify-delegation","mount":0,"commands":["map_create"])"));
}

}  // namespace
}  // namespace pinscope::plan
