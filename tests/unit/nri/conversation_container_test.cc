// What a runtime says of containers, and what the plugin answers, byte by byte.
#include "tests/unit/nri/conversations.h"

namespace pinscope::nri {
namespace {

using namespace test;
using testing::ElementsAre;

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
  const PodSandbox& the_pod = plugin.last_pod;
  EXPECT_EQ(the_pod.id(), "pod-id");
  EXPECT_EQ(the_pod.uid(), "uid-1");
  EXPECT_EQ(the_pod.labels().at("team"), "net");
  const Container& the_container = plugin.last_container;
  EXPECT_EQ(the_container.id(), "container-id");
  EXPECT_EQ(the_container.pod_sandbox_id(), "pod-id");
  EXPECT_EQ(the_container.pid(), 4711U);
  ASSERT_EQ(the_container.mounts_size(), 1);
  EXPECT_EQ(the_container.mounts(0).destination(), "/sys");
  EXPECT_THAT(the_container.mounts(0).options(), ElementsAre("nosuid", "ro"));
  EXPECT_THAT(the_container.env(), ElementsAre("A=b"));
  ASSERT_EQ(the_container.linux().namespaces_size(), 1);
  EXPECT_EQ(the_container.linux().namespaces(0).type(), "user");
  EXPECT_EQ(the_container.linux().seccomp_profile().profile_type(), SecurityProfile::LOCALHOST);
  EXPECT_FALSE(the_container.linux().has_seccomp_policy());
}

// An empty profile of the runtime's default is not the same as none.
TEST_F(Conversations, TellTheDefaultProfileFromNone) {
  establish("containerd", "v2.2.0");
  receive(call(3, "CreateContainer", about(pod(), container() + field(11, field(7, "")))));
  ASSERT_TRUE(plugin.last_container.linux().has_seccomp_profile());
  EXPECT_EQ(plugin.last_container.linux().seccomp_profile().profile_type(),
            SecurityProfile::RUNTIME_DEFAULT);
  receive(call(5, "CreateContainer", about(pod(), container() + field(11, ""))));
  EXPECT_FALSE(plugin.last_container.linux().has_seccomp_profile());
}

TEST_F(Conversations, AnswerNothingToDoWithNothing) {
  establish();
  EXPECT_EQ(answer_to(3, call(3, "CreateContainer", about(pod(), container()))).payload, "");
}

TEST_F(Conversations, WriteHooksAsTheSpecificationHasThem) {
  establish();
  Hook& hook = *plugin.adjustment.mutable_hooks()->add_create_runtime();
  hook.set_path("/h");
  hook.add_args("h");
  hook.add_args("x");
  hook.add_env("A=b");
  hook.mutable_timeout()->set_value(10);
  const auto response = answer_to(3, call(3, "CreateContainer", about(pod(), container())));
  // CreateContainerResponse.adjust = 1, ContainerAdjustment.hooks = 5, Hooks.create_runtime = 2,
  // Hook{path = 1, args = 2, env = 3, timeout = 4 {value = 1}}
  const std::string bytes =
      field(1, "/h") + field(2, "h") + field(2, "x") + field(3, "A=b") + field(4, field(1, 10));
  EXPECT_EQ(response.payload, field(1, field(5, field(2, bytes))));
}

TEST_F(Conversations, WriteEverythingElseAsTheSpecificationHasIt) {
  establish("containerd", "v2.2.0");
  KeyValue& variable = *plugin.adjustment.add_env();
  variable.set_key("N");
  variable.set_value("1");
  plugin.adjustment.mutable_hooks()->add_poststop()->set_path("/h");
  LinuxSeccomp& policy = *plugin.adjustment.mutable_linux()->mutable_seccomp_policy();
  policy.set_default_action("SCMP_ACT_ERRNO");
  policy.add_architectures("SCMP_ARCH_X86_64");
  LinuxSyscall& syscall = *policy.add_syscalls();
  syscall.add_names("bpf");
  syscall.set_action("SCMP_ACT_ALLOW");
  LinuxSeccompArg& argument = *syscall.add_args();
  argument.set_value(7);
  argument.set_op("SCMP_CMP_EQ");
  const auto response = answer_to(3, call(3, "CreateContainer", about(pod(), container())));
  const std::string rule = field(1, "bpf") + field(2, "SCMP_ACT_ALLOW") +
                           field(4, field(2, 7) + field(4, "SCMP_CMP_EQ"));
  const std::string seccomp =
      field(1, "SCMP_ACT_ERRNO") + field(3, "SCMP_ARCH_X86_64") + field(7, rule);
  EXPECT_EQ(response.payload,
            field(1, field(4, field(1, "N") + field(2, "1")) + field(5, field(6, field(1, "/h"))) +
                         field(6, field(6, seccomp))));
}

// A plugin replaces the policy as a whole: what a newer runtime says in it (here listener_path = 5)
// must not be lost on the way.
TEST_F(Conversations, GiveAPolicyBackWithAllThatWasInIt) {
  establish("containerd", "v2.3.0");
  const std::string rule = field(1, "bpf") + field(2, "SCMP_ACT_ERRNO") + field(3, field(1, 1)) +
                           field(4, field(1, 2) + field(2, 7) + field(3, 9) + field(4, "OP"));
  const std::string seccomp = field(1, "D") + field(2, field(1, 38)) + field(3, "A") +
                              field(4, "F") + field(7, rule) + field(5, "/listener");
  const std::string request = about(pod(), container() + field(11, field(8, seccomp)));
  receive(call(3, "CreateContainer", request));
  const LinuxSeccomp& policy = plugin.last_container.linux().seccomp_policy();
  EXPECT_EQ(policy.default_errno().value(), 38U);
  EXPECT_EQ(policy.syscalls(0).errno_ret().value(), 1U);
  EXPECT_EQ(policy.syscalls(0).args(0).value_two(), 9U);
  outgoing();
  *plugin.adjustment.mutable_linux()->mutable_seccomp_policy() = policy;
  EXPECT_EQ(answer_to(5, call(5, "CreateContainer", request)).payload,
            field(1, field(6, field(6, seccomp))));
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
    plugin.adjustment.mutable_hooks()->add_create_runtime()->set_path(std::string(100, 'p'));
  const auto response = answer_to(3, call(3, "CreateContainer", about(pod(), container())));
  EXPECT_GT(response.payload.size(), std::size_t{20000});
}

TEST_F(Conversations, AnswerWithAnErrorIfTheAnswerWouldBeTooLong) {
  establish();
  plugin.adjustment.add_env()->set_value(std::string(kMaxData, 'x'));
  const auto response = answer_to(3, call(3, "CreateContainer", about(pod(), container())));
  EXPECT_EQ(response.code, RpcCode::kResourceExhausted);
  EXPECT_EQ(response.message, "the plugin's answer is too long");
}

}  // namespace
}  // namespace pinscope::nri
