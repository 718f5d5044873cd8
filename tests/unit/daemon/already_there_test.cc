#include "plugin/daemon/already_there.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/model/policy.h"

namespace pinscope::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kHook = "/opt/pinscope/bin/pinscope-hook";

class WithoutView : public testing::Test {
 protected:
  WithoutView() {
    there_.pods["p"].set_name("web-1");
    there_.pods["p"].set_namespace_("web");
    (*there_.pods["p"].mutable_labels())["team"] = "net";
    add("c1");
    policy_.name = "flow-readers";
  }
  void add(const std::string& id) {
    auto& container = there_.containers.emplace_back();
    container.set_id(id);
    container.set_pod_sandbox_id("p");
    container.set_name("app");
  }
  std::vector<std::string> lines() const {
    return without_view(there_, model::Engine::kContainerd, {policy_}, evidence_);
  }

  AlreadyThere there_;
  model::Policy policy_;
  Evidence evidence_{
      .hook_path = kHook, .hooks_are_expected = true, .recorded = std::set<std::string>()};
};

TEST_F(WithoutView, IsAContainerThatCameWithoutTheHook) {
  EXPECT_THAT(lines(), ElementsAre("container \"app\" of pod \"web/web-1\" runs without a view: "
                                   "policy \"flow-readers\" selects it, and nobody asked Pinscope "
                                   "when it was created; create it again"));
}

TEST_F(WithoutView, IsNoContainerThatThePolicyDoesNotSelect) {
  policy_.select.kubernetes_labels = {{"team", {"other"}}};
  EXPECT_THAT(lines(), IsEmpty());
  policy_.select.kubernetes_labels = {{"team", {"net"}}};
  EXPECT_THAT(lines(), SizeIs(1));
}

TEST_F(WithoutView, IsNoContainerWithTheHookOrARecord) {
  auto& hooks = *there_.containers[0].mutable_hooks();
  hooks.add_create_runtime()->set_path("/usr/bin/other");
  EXPECT_THAT(lines(), SizeIs(1));
  evidence_.recorded->insert("c1");
  EXPECT_THAT(lines(), IsEmpty()) << "the shim gave it a view";
  evidence_.recorded->clear();
  hooks.add_create_runtime()->set_path(kHook);
  EXPECT_THAT(lines(), IsEmpty()) << "the hook has decided";
}

TEST_F(WithoutView, IsSaidWithDoubtWhereRecordsAreNotInSight) {
  evidence_.recorded = recorded_ids("/nowhere/pinscope", model::Engine::kContainerd);
  EXPECT_THAT(lines(), ElementsAre("container \"app\" of pod \"web/web-1\" may run without a view: "
                                   "policy \"flow-readers\" selects it, and the records of "
                                   "containers with a view are not in sight"));
  for (int i = 0; i < 60; ++i) add("d" + std::to_string(i));
  EXPECT_EQ(lines().back(), "and 11 more containers may run without a view");
}

TEST_F(WithoutView, IsSaidWithDoubtWhereNotAllIsTold) {
  policy_.select.images = {"app:*"};
  EXPECT_THAT(lines(), ElementsAre(HasSubstr(" may select it")));
  // There is no hook in any configuration then: the decision may have been that it gets none.
  evidence_.hooks_are_expected = false;
  EXPECT_THAT(lines(), IsEmpty());
  policy_.select.images.clear();
  EXPECT_THAT(lines(), SizeIs(1));
}

TEST_F(WithoutView, IsToldOfSoManyContainersAndNoMore) {
  for (int i = 0; i < 60; ++i) add("d" + std::to_string(i));
  EXPECT_THAT(lines(), SizeIs(51));
  EXPECT_EQ(lines().back(), "and 11 more containers run without a view");
}

}  // namespace
}  // namespace pinscope::daemon
