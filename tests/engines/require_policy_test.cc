// --require-policy and --pod-label: what the start asks for, and what the wiring tells.
#include "tests/engines/direct_hook.h"
#include "tests/support/container/container_process.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;

// Beside the policy "test" of DirectHook, which selects everyone, one that selects a user.
class RequiredPolicy : public DirectHook {
 protected:
  RequiredPolicy() {
    installation_.write_policy(policy_text("select: {user: {uid: 1000}}\n"
                                           "grants:\n"
                                           "  - {pin: /sys/fs/bpf/flows, as: other}\n",
                                           "other"),
                               "other.yaml");
    EXPECT_THAT(installation_.compile(), Succeeds());
  }
  void require(const std::string& policy) { installation_.options = {"--require-policy", policy}; }
};

constexpr const char* kOtherIsRefused =
    "container \"direct\": cannot give this container the view of policy \"other\": the policy "
    "does not select it: user.uid is 0, wanted 1000 (it was asked for as a device, and asking is "
    "not permission); policy \"other\" at other.yaml:1:1";

TEST_F(RequiredPolicy, ThatSelectsTheContainerChangesNothing) {
  require("test");
  expect_view(create(state()));
}

TEST_F(RequiredPolicy, ThatDoesNotSelectTheContainerStopsTheStart) {
  require("other");
  expect_refused(create(state()), kOtherIsRefused);
  EXPECT_EQ(installation_.last_audit().code, "policy-required");
}

TEST_F(RequiredPolicy, ThatIsNotThereStopsTheStart) {
  constexpr const char* kGone =
      "container \"direct\": cannot give this container the view of policy \"gone\": there is no "
      "such policy (pinscope cdi list shows devices whose policy is gone)";
  require("gone");
  expect_refused(create(state()), kGone);
  installation_.remove_policy("test.yaml");
  expect_refused(create(state()), kGone);
  installation_.remove_policy("other.yaml");
  expect_refused(create(state()), kGone);
}

TEST_F(RequiredPolicy, IsOneOfSeveralThatAllMustSelect) {
  installation_.options = {"--require-policy", "test", "--require-policy", "other"};
  expect_refused(create(state()), kOtherIsRefused);
}

// Each device of a container brings a hook of its own.
TEST_F(RequiredPolicy, IsCheckedByTheSecondHookOfOneStartToo) {
  require("test");
  ASSERT_THAT(create(state()), Succeeds());
  EXPECT_THAT(create(state()), Succeeds());
  require("other");
  const auto second = create(state());
  EXPECT_EQ(second.status, 1) << second;
  EXPECT_EQ(second.err, "pinscope-hook: " + std::string(kOtherIsRefused) + "\n");
  EXPECT_THAT(installation_.records(), testing::IsEmpty())
      << "no runtime has to call poststop for a container that it does not start";
  for (int i = 0; i < 2; ++i)
    EXPECT_THAT(installation_.run_hook("poststop", state("", "stopped")), Succeeds());
}

TEST_F(RequiredPolicy, ThatIsRefusedLeavesTheRecordOfAnotherProcessAlone) {
  ASSERT_THAT(create(state()), Succeeds());
  const ContainerProcess other(rootfs_);
  require("other");
  EXPECT_EQ(create(state_with("pid", std::to_string(other.pid()))).status, 1);
  EXPECT_THAT(installation_.records(), testing::ElementsAre("direct.json"));
  EXPECT_THAT(installation_.run_hook("poststop", state("", "stopped")), Succeeds());
}

// The first hook makes the view: a second one that knows more must not find out and stay silent.
TEST_F(RequiredPolicy, ThatTheFirstHookOfOneStartDidNotKnowStopsTheStart) {
  installation_.write_policy(policy_text("select: {engine: podman}\n"
                                         "grants:\n"
                                         "  - {pin: /sys/fs/bpf/flows, as: podman}\n",
                                         "other"),
                             "other.yaml");
  ASSERT_THAT(installation_.compile(), Succeeds());
  ASSERT_THAT(create(state()), Succeeds());
  installation_.options = {"--engine", "podman"};
  const auto second = create(state());
  EXPECT_EQ(second.status, 1) << second;
  EXPECT_EQ(
      second.err,
      "pinscope-hook: container \"direct\": cannot add policy \"other\" at other.yaml:1:1 to "
      "this view: an earlier hook of this start made the view without it (give all hooks of a "
      "container the same options, --engine above all)\n");
}

TEST_F(RequiredPolicy, MayBeKnownToTheFirstHookOfAStartAndNotToTheSecond) {
  installation_.write_policy(policy_text("select: {engine: podman}\n"
                                         "grants:\n"
                                         "  - {pin: /sys/fs/bpf/flows, as: podman}\n",
                                         "other"),
                             "other.yaml");
  ASSERT_THAT(installation_.compile(), Succeeds());
  installation_.options = {"--engine", "podman"};
  ASSERT_THAT(create(state()), Succeeds());
  installation_.options.clear();
  expect_view(create(state()));
}

class PodLabel : public DirectHook {
 protected:
  void SetUp() override {
    installation_.write_policy(
        policy_text("select: {kubernetes: {labels: {app: web, tier: [a, \"b*\"]}}}\n"
                    "grants:\n"
                    "  - {pin: /sys/fs/bpf/flows}\n"));
    ASSERT_THAT(installation_.compile(), Succeeds());
  }
};

TEST_F(PodLabel, OfTheHooksOptionsSelects) {
  installation_.options = {"--pod-label", "app=web", "--pod-label", "tier=b1"};
  ASSERT_THAT(create(state()), Succeeds());
  EXPECT_THAT(installation_.last_audit().text,
              HasSubstr(R"("kubernetes_labels":{"app":{"value":"web","established_by":)"
                        R"("the hook's --pod-label option"},"tier":{"value":"b1",)"));
  expect_view(create(state()));
}

TEST_F(PodLabel, NeverComesFromAnAnnotation) {
  BundleSpec spec;
  spec.args = {"/probe"};
  spec.annotations = {
      {"app", "web"}, {"tier", "a"}, {"io.kubernetes.pod.labels", "app=web,tier=a"}};
  installation_.directory().write("bundle/config.json", to_config_json(spec));
  for (const char* engine : {"containerd", "crio", "podman", "docker"}) {
    installation_.options = {"--engine", engine};
    EXPECT_THAT(create(state(R"(, "annotations": {"app": "web", "tier": "a"})")), Succeeds());
    expect_nothing_left();
  }
}

TEST_F(PodLabel, ThatIsNoneIsAMistakeInTheArguments) {
  const std::pair<std::vector<std::string>, std::string> wrong[] = {
      {{"--pod-label", "app"}, "cannot use the pod label \"app\": it is no KEY=VALUE"},
      {{"--pod-label", "app=a", "--pod-label", "app=b"},
       "cannot use the pod label \"app=b\": its key appears twice"},
  };
  for (const auto& [options, sentence] : wrong) {
    installation_.options = options;
    const auto result = create(state());
    EXPECT_EQ(result.status, 2) << result;
    EXPECT_EQ(result.err, "pinscope-hook: " + sentence + " (see pinscope-hook --help)\n");
  }
}

}  // namespace
}  // namespace pinscope::test
