// Which steps a decision becomes, and in which order.
#include "plugin/plan/build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "plugin/plan/print.h"
#include "tests/unit/plan/decisions.h"

namespace pinscope::plan {
namespace {

using model::Layout;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> lines(const model::Plan& plan) {
  std::vector<std::string> all;
  for (const auto& step : plan.steps) all.push_back(to_text(step, plan));
  return all;
}

std::vector<std::string> planned(const model::Decision& decision,
                                 const model::Container& container = {},
                                 const model::Features& features = {}) {
  const auto plan = build(decision, container, features);
  EXPECT_TRUE(plan) << (plan ? "" : plan.error().sentence());
  return plan ? lines(*plan) : std::vector<std::string>{};
}

ptrdiff_t index_of(const std::vector<std::string>& all, const std::string& line) {
  return std::find(all.begin(), all.end(), line) - all.begin();
}

TEST(PlanBuild, IsEmptyWhereNoPolicySelects) {
  EXPECT_THAT(planned({}), ElementsAre());
}

TEST(PlanBuild, OnlyHidesTheHostsBpffsWhereNothingIsGranted) {
  EXPECT_THAT(planned(deciding({})),
              ElementsAre("enter the container's mount namespace",
                          "detach every bpffs mounted below the container's root"));
}

TEST(PlanBuild, DoesNothingWhereNothingIsGrantedAndTheHostsBpffsIsAllowed) {
  auto decision = deciding({});
  decision.host_bpffs = model::HostBpffs::kAllow;
  EXPECT_THAT(planned(decision), ElementsAre());
}

TEST(PlanBuild, SealsTheSuperblockOfReadGrantsBeforeTheContainerIsEntered) {
  EXPECT_THAT(
      planned(deciding({readable("flows")})),
      ElementsAre(
          "make bpf instance 0", "make directory \"view\" in instance 0",
          "mount 0 shows \"view\" of instance 0",
          "pin \"/sys/fs/bpf/flows\" as \"view/flows\" in instance 0, read, owner 0:0, mode "
          "0440; policy \"p\" at p.yaml:3:5",
          "make the superblock of instance 0 read-only", "enter the container's mount namespace",
          "detach every bpffs mounted below the container's root",
          "find or make \"/sys/fs/bpf\" below the container's root", "attach mount 0 at the target",
          "verify that \"/sys/fs/bpf\" is mount 0"));
}

TEST(PlanBuild, NeverShowsAnInstanceOfWriteGrantsThroughAWritableMount) {
  for (const auto layout : {Layout::kShared, Layout::kPerMap}) {
    auto mounts = planned(deciding({writable("counters")}, layout));
    std::erase_if(mounts, [](const auto& line) { return !line.contains("\"view\" of instance"); });
    EXPECT_THAT(mounts, ElementsAre(HasSubstr(", mounted read-only")));
  }
}

TEST(PlanBuild, LinksFromTheSealedInstanceToTheWritableOneInTheSharedLayout) {
  const auto all = planned(deciding({readable("flows"), writable("counters")}));
  EXPECT_THAT(all,
              ::testing::Contains("make link \"view/counters\" to \"_rw/counters\" in instance 0"));
  EXPECT_THAT(all, ::testing::Contains("attach mount 1 at \"_rw\" in mount 0"));
  // Where that mount has gone, the way begins again.
  EXPECT_THAT(all, ::testing::Contains("make link \"view/_rw/counters\" to "
                                       "\"/sys/fs/bpf/_rw/counters\" in instance 0"));
  EXPECT_THAT(all, ::testing::Contains("mount 1 shows \"view\" of instance 1, mounted read-only"));
  EXPECT_LT(index_of(all, "make link \"view/counters\" to \"_rw/counters\" in instance 0"),
            index_of(all, "make the superblock of instance 0 read-only"));
}

// For a container that runs: nothing of it is entered, whatever the kernel lacks.
TEST(PlanBuild, PutsAViewTogetherThatIsAttachedNowhere) {
  const auto decision = deciding({readable("flows"), writable("counters")});
  for (const bool detached_trees : {true, false}) {
    model::Features features;
    features.detached_trees = detached_trees;
    const auto built = build_unattached(decision, model::Container(), features);
    ASSERT_TRUE(built) << built.error().sentence();
    const std::string text = to_text(built->plan);
    EXPECT_EQ(built->view, 0U);
    EXPECT_THAT(text, HasSubstr("make the superblock of instance 0 read-only"));
    EXPECT_THAT(text, HasSubstr("attach mount 1 at \"_rw\" in mount 0"));
    EXPECT_THAT(text, ::testing::Not(HasSubstr("container's")));
    EXPECT_EQ(text.contains("enter a mount namespace of its own"), !detached_trees);
  }
}

TEST(PlanBuild, PutsNoViewTogetherWithoutGrantsUnlessTheOldOneStays) {
  model::Features features;
  const auto none = build_unattached(deciding({}), model::Container(), features);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->plan.steps.empty());
  features.attach_beneath = false;
  const auto empty = build_unattached(deciding({}), model::Container(), features);
  ASSERT_TRUE(empty);
  EXPECT_THAT(to_text(empty->plan), HasSubstr("make tmpfs instance 0"));
}

TEST(PlanBuild, PutsValuesTogetherThatAreAttachedNowhere) {
  auto shown = readable("flows");
  shown.values = model::Values();
  for (const bool is_pin : {true, false}) {
    shown.pin = is_pin;
    const auto built = build_unattached(deciding({shown}), model::Container(), {});
    ASSERT_TRUE(built) << built.error().sentence();
    EXPECT_EQ(built->values, 0U);
    EXPECT_EQ(built->view, is_pin ? 1U : 0U);
    const auto& steps = built->plan.steps;
    const auto count = [&]<typename Step>(const Step*) {
      return std::ranges::count_if(
          steps, [](const auto& step) { return std::holds_alternative<Step>(step); });
    };
    EXPECT_EQ(count(static_cast<model::ShowValues*>(nullptr)), 1);
    EXPECT_EQ(count(static_cast<model::HandOverValues*>(nullptr)), 1);
    EXPECT_EQ(count(static_cast<model::AttachView*>(nullptr)), 0);
    EXPECT_EQ(count(static_cast<model::PinObject*>(nullptr)), is_pin ? 1 : 0);
  }
}

TEST(PlanBuild, LinksUpwardsFromNestedNames) {
  const auto all = planned(deciding({readable("flows"), writable("team/a/counters")}));
  EXPECT_THAT(all, ::testing::Contains("make link \"view/team/a/counters\" to "
                                       "\"../../_rw/team/a/counters\" in instance 0"));
  EXPECT_THAT(all, ::testing::Contains("make directory \"view/team\" in instance 0"));
  EXPECT_THAT(all, ::testing::Contains("make directory \"view/team/a\" in instance 1"));
}

TEST(PlanBuild, MakesEachParentDirectoryOnce) {
  const auto all = planned(deciding({readable("team/a"), readable("team/b")}));
  EXPECT_EQ(std::count(all.begin(), all.end(), "make directory \"view/team\" in instance 0"), 1);
}

TEST(PlanBuild, MakesOneInstanceForEachGrantInThePerMapLayout) {
  const auto all = planned(deciding({readable("flows"), writable("counters")}, Layout::kPerMap));
  EXPECT_THAT(all, ::testing::Contains("make tmpfs instance 0"));
  EXPECT_THAT(all, ::testing::Contains("make bpf instance 1"));
  EXPECT_THAT(all, ::testing::Contains("make bpf instance 2"));
  EXPECT_THAT(all, ::testing::Contains("make the superblock of instance 1 read-only"));
  EXPECT_THAT(all,
              ::testing::Not(::testing::Contains("make the superblock of instance 2 read-only")));
  EXPECT_THAT(all, ::testing::Contains("attach mount 2 at \"counters\" in mount 0"));
}

TEST(PlanBuild, PinsNothingAgainInTheBindLayout) {
  const auto all = planned(deciding({writable("counters")}, Layout::kBind));
  EXPECT_THAT(all, ::testing::Contains("mount 1 shows the host's \"/sys/fs/bpf/counters\", mounted "
                                       "read-only; policy \"p\" at p.yaml:3:5"));
  for (const auto& line : all) EXPECT_THAT(line, ::testing::Not(HasSubstr("make bpf")));
}

TEST(PlanBuild, PutsTheViewTogetherAtTheTargetWhereTheKernelClonesAttachedTreesOnly) {
  model::Features features;
  features.detached_trees = false;
  const auto all = planned(deciding({readable("flows"), writable("counters")}), {}, features);
  const auto found = index_of(all, "find or make \"/sys/fs/bpf\" below the container's root");
  const auto cloned = index_of(all, "mount 0 shows \"view\" of instance 0, cloned at the target");
  const auto attached = index_of(all, "attach mount 0 at the target");
  const auto joined = index_of(all, "attach mount 1 at \"_rw\" in mount 0");
  EXPECT_LT(found, cloned);
  EXPECT_LT(cloned, attached);
  EXPECT_LT(attached, joined);
  EXPECT_LT(joined, static_cast<ptrdiff_t>(all.size()));
}

TEST(PlanBuild, MapsOwnersThroughTheContainersUserNamespace) {
  model::Container container;
  container.uid_map = {{0, 100000, 1000}, {2000, 300000, 10}};
  container.gid_map = {{0, 200000, 65536}};
  auto grant = readable("flows");
  grant.uid = 2003;
  grant.gid = 7;
  EXPECT_THAT(planned(deciding({grant}), container),
              ::testing::Contains(HasSubstr("owner 300003:200007")));
}

TEST(PlanBuild, RefusesAnOwnerThatTheUserNamespaceDoesNotMap) {
  model::Container container;
  container.uid_map = {{0, 100000, 1000}, {2000, 300000, 10}};
  container.gid_map = {{0, 100000, 1000}};
  auto grant = readable("flows");
  grant.uid = 1500;
  const auto plan = build(deciding({grant}), container, {});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code(), ErrorCode::kIdNotMapped);
  EXPECT_EQ(
      plan.error().sentence(),
      "cannot give \"flows\" to uid 1500: the container's user namespace does not map this id; "
      "policy \"p\" at p.yaml:3:5");
}

}  // namespace
}  // namespace pinscope::plan
