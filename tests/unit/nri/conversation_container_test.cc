// What a runtime says of containers, and what the plugin answers, byte by byte.
#include "tests/unit/nri/conversations.h"

namespace pinscope::nri {
namespace {

using namespace test;

TEST_F(Conversations, GiveThePluginWhatTheRuntimeSaysOfAContainer) {
  establish("containerd", "v2.2.0");
  // mounts = 9 {destination, type, source, options}; linux = 11 {namespaces = 1, seccomp_profile =
  // 7}
  const std::string more = field(9, field(1, "/sys") + field(2, "sysfs") + field(3, "sysfs") +
                                        field(4, "nosuid") + field(4, "ro")) +
                           field(11, field(1, field(1, "user") + field(2, "/u")) +
                                         field(7, field(1, 2) + field(2, "p.json"))) +
                           field(8, "A=b");
  receive(call(3, "CreateContainer", about(pod(), container() + more)));
  EXPECT_EQ(plugin.asked.back(), "create web/web-1/app");
  const Pod& the_pod = plugin.last_pod;
  EXPECT_EQ(the_pod.id, "pod-id");
  EXPECT_EQ(the_pod.uid, "uid-1");
  EXPECT_EQ(the_pod.labels, (StringMap{{"team", "net"}}));
  EXPECT_EQ(the_pod.annotations, (StringMap{{"note", "x"}}));
  EXPECT_EQ(the_pod.runtime_handler, "runc");
  const Container& the_container = plugin.last_container;
  EXPECT_EQ(the_container.id, "container-id");
  EXPECT_EQ(the_container.pod_id, "pod-id");
  EXPECT_EQ(the_container.annotations, (StringMap{{"a", "b"}}));
  EXPECT_EQ(the_container.pid, 4711U);
  ASSERT_EQ(the_container.mounts.size(), 1U);
  EXPECT_EQ(the_container.mounts[0].options, (std::vector<std::string>{"nosuid", "ro"}));
  EXPECT_EQ(the_container.env, std::vector<std::string>{"A=b"});
  ASSERT_EQ(the_container.namespaces.size(), 1U);
  EXPECT_EQ(the_container.namespaces[0].type, "user");
  EXPECT_EQ(the_container.namespaces[0].path, "/u");
  ASSERT_TRUE(the_container.seccomp_profile);
  EXPECT_EQ(the_container.seccomp_profile->type, SeccompProfile::Type::kLocalhost);
  EXPECT_EQ(the_container.seccomp_profile->file, "p.json");
  EXPECT_FALSE(the_container.seccomp_policy);
}

// An empty profile of the runtime's default is not the same as none.
TEST_F(Conversations, TellTheDefaultProfileFromNone) {
  establish("containerd", "v2.2.0");
  receive(call(3, "CreateContainer", about(pod(), container() + field(11, field(7, "")))));
  ASSERT_TRUE(plugin.last_container.seccomp_profile);
  EXPECT_EQ(plugin.last_container.seccomp_profile->type, SeccompProfile::Type::kRuntimeDefault);
  receive(call(5, "CreateContainer", about(pod(), container() + field(11, ""))));
  EXPECT_FALSE(plugin.last_container.seccomp_profile);
}

TEST_F(Conversations, AnswerNothingToDoWithNothing) {
  establish();
  EXPECT_EQ(answer_to(3, call(3, "CreateContainer", about(pod(), container()))).payload, "");
}

TEST_F(Conversations, WriteHooksAsTheSpecificationHasThem) {
  establish();
  plugin.adjustment.hooks.create_runtime.push_back({"/h", {"h", "x"}, {"A=b"}, 10});
  const auto response = answer_to(3, call(3, "CreateContainer", about(pod(), container())));
  // CreateContainerResponse.adjust = 1, ContainerAdjustment.hooks = 5, Hooks.create_runtime = 2,
  // Hook{path = 1, args = 2, env = 3, timeout = 4 {value = 1}}
  const std::string hook =
      field(1, "/h") + field(2, "h") + field(2, "x") + field(3, "A=b") + field(4, field(1, 10));
  EXPECT_EQ(response.payload, field(1, field(5, field(2, hook))));
}

TEST_F(Conversations, WriteEverythingElseAsTheSpecificationHasIt) {
  establish("containerd", "v2.2.0");
  plugin.adjustment.annotations = {{"k", "v"}};
  plugin.adjustment.mounts = {{"/d", "bind", "/s", {"ro"}}};
  plugin.adjustment.env = {{"N", "1"}};
  plugin.adjustment.hooks.poststop = {{"/h", {}, {}, std::nullopt}};
  SeccompPolicy& policy = plugin.adjustment.seccomp_policy.emplace();
  policy.default_action = "SCMP_ACT_ERRNO";
  policy.architectures = {"SCMP_ARCH_X86_64"};
  policy.rules = {{{"bpf"}, "SCMP_ACT_ALLOW", std::nullopt, {{0, 7, 0, "SCMP_CMP_EQ"}}}};
  const auto response = answer_to(3, call(3, "CreateContainer", about(pod(), container())));
  const std::string rule = field(1, "bpf") + field(2, "SCMP_ACT_ALLOW") +
                           field(4, field(2, 7) + field(4, "SCMP_CMP_EQ"));
  const std::string seccomp =
      field(1, "SCMP_ACT_ERRNO") + field(3, "SCMP_ARCH_X86_64") + field(7, rule);
  EXPECT_EQ(
      response.payload,
      field(1, entry(2, "k", "v") +
                   field(3, field(1, "/d") + field(2, "bind") + field(3, "/s") + field(4, "ro")) +
                   field(4, field(1, "N") + field(2, "1")) + field(5, field(6, field(1, "/h"))) +
                   field(6, field(6, seccomp))));
}

TEST_F(Conversations, ReadAPolicyAsTheyWriteIt) {
  establish("containerd", "v2.2.0");
  const std::string rule = field(1, "bpf") + field(2, "SCMP_ACT_ERRNO") + field(3, field(1, 1)) +
                           field(4, field(1, 2) + field(2, 7) + field(3, 9) + field(4, "OP"));
  const std::string seccomp =
      field(1, "D") + field(2, field(1, 38)) + field(3, "A") + field(4, "F") + field(7, rule);
  receive(call(3, "CreateContainer", about(pod(), container() + field(11, field(8, seccomp)))));
  ASSERT_TRUE(plugin.last_container.seccomp_policy);
  const SeccompPolicy& policy = *plugin.last_container.seccomp_policy;
  EXPECT_EQ(policy.default_action, "D");
  EXPECT_EQ(policy.default_errno, 38U);
  EXPECT_EQ(policy.architectures, std::vector<std::string>{"A"});
  EXPECT_EQ(policy.flags, std::vector<std::string>{"F"});
  ASSERT_EQ(policy.rules.size(), 1U);
  EXPECT_EQ(policy.rules[0].errno_return, 1U);
  EXPECT_EQ(policy.rules[0].arguments[0].value_two, 9U);
}

// Only an error stops a container; the codes of timeouts and the like make the runtime go on.
TEST_F(Conversations, StopACreationWithTheCodeThatStopsIt) {
  establish();
  plugin.error = Error(ErrorCode::kPolicyUnavailable, "use the policies");
  const auto response = answer_to(3, call(3, "CreateContainer", about(pod(), container())));
  EXPECT_EQ(response.code, RpcCode::kUnknown);
  EXPECT_EQ(response.message, "cannot use the policies");
}

TEST_F(Conversations, GiveAnAnswerThatIsLongerThanAFrameInFrames) {
  establish();
  for (int i = 0; i < 200; ++i)
    plugin.adjustment.hooks.create_runtime.push_back({std::string(100, 'p'), {}, {}, {}});
  const auto response = answer_to(3, call(3, "CreateContainer", about(pod(), container())));
  EXPECT_GT(response.payload.size(), std::size_t{20000});
}

TEST_F(Conversations, AnswerWithAnErrorIfTheAnswerWouldBeTooLong) {
  establish();
  plugin.adjustment.env = {{"N", std::string(kMaxData, 'x')}};
  const auto response = answer_to(3, call(3, "CreateContainer", about(pod(), container())));
  EXPECT_EQ(response.code, RpcCode::kResourceExhausted);
  EXPECT_EQ(response.message, "the plugin's answer is too long");
}

}  // namespace
}  // namespace pinscope::nri
