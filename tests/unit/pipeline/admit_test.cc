// What keeps a container from getting a view at all.
#include "plugin/pipeline/admit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope {
namespace {

using model::Engine;

ProcessFacts ordinary() {
  return {.program = "runc", .shares_mount_namespace = false, .shares_user_namespace = true};
}

model::Decision delegating() {
  model::Decision decision;
  decision.delegation.emplace().rules.push_back({"tokens", {"tokens.yaml", 7, 3}});
  return decision;
}

// "" if the container is admitted.
std::string refusal(const model::Decision& decision, const ProcessFacts& process) {
  const auto admitted = admit(decision, process);
  return admitted ? "" : admitted.error().sentence();
}

TEST(Admit, AContainerOfItsOwn) {
  EXPECT_EQ(refusal({}, ordinary()), "");
}

TEST(Admit, RefusesTheHostsMountNamespace) {
  auto process = ordinary();
  process.shares_mount_namespace = true;
  EXPECT_EQ(refusal({}, process),
            "cannot give a view to this container: it shares the host's mount namespace (a view "
            "there would be everybody's; let no policy select this container)");
  EXPECT_EQ(admit({}, process).error().code(), ErrorCode::kHostNamespace);
}

TEST(Admit, RefusesWhatHasAKernelOfItsOwnOrIsRestored) {
  for (const char* program : {"runsc-sandbox", "qemu-system-x86_64", "kata-shim", "firecracker",
                              "cloud-hypervisor", "criu", "criu-4.1"}) {
    auto process = ordinary();
    process.program = program;
    const auto admitted = admit({}, process);
    ASSERT_FALSE(admitted) << program;
    EXPECT_EQ(admitted.error().code(), ErrorCode::kRuntimeUnsupported) << program;
  }
}

TEST(Admit, RefusesToDelegateToTheHostsUserNamespace) {
  EXPECT_EQ(refusal(delegating(), ordinary()),
            "cannot delegate BPF: its process is in the host's user namespace; policy \"tokens\" "
            "at tokens.yaml:7:3");
  auto process = ordinary();
  process.shares_user_namespace = false;
  EXPECT_EQ(refusal(delegating(), process), "");
}

TEST(RequiredPolicies, HaveToSelectTheContainer) {
  model::Policy policy;
  policy.name = "readers";
  policy.select.engines = {Engine::kPodman};
  model::Container container;
  container.engine = Engine::kDocker;
  const policy::HostView nobody{};

  EXPECT_TRUE(check_required({}, {}, {policy}, container, nobody));
  EXPECT_TRUE(check_required({"readers"}, {{"readers", {}}}, {policy}, container, nobody));
  const auto missing = check_required({"readers"}, {}, {policy}, container, nobody);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kPolicyRequired);
  EXPECT_THAT(missing.error().sentence(), testing::HasSubstr("engine is \"docker\""));
}

TEST(MayConcern, GoesByTheEngineAlone) {
  model::Policy of_podman;
  of_podman.select.engines = {Engine::kPodman};
  EXPECT_TRUE(may_concern({of_podman}, Engine::kPodman));
  EXPECT_FALSE(may_concern({of_podman}, Engine::kDocker));
  EXPECT_TRUE(may_concern({of_podman}, Engine::kUnknown));
  EXPECT_TRUE(may_concern({of_podman, model::Policy{}}, Engine::kDocker));
  EXPECT_FALSE(may_concern({}, Engine::kDocker));
}

}  // namespace
}  // namespace pinscope
