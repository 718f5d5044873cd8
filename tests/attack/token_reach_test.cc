// How far a container reaches with the programs that it loads with a token: into the memory of the
// kernel, to processes of the host, to other programs. The policy has to allow it in so many words.
#include <sched.h>

#include <csignal>

#include "plugin/kernel/bpf/delegation.h"
#include "plugin/kernel/bpf/program_reach.h"
#include "tests/attack/attack_test.h"
#include "tests/support/programs/command.h"

namespace pinscope::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

constexpr const char* kPrograms =
    "delegate: {commands: [map_create, prog_load], maps: [hash], programs: [socket_filter, "
    "cgroup_skb], attach: [cgroup_inet_ingress, cgroup_inet_egress]";

class TokenReach : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    if (IsSkipped()) return;
    const auto probe = kernel::probe_delegation();
    if (probe.answer != model::Probe::kYes) GTEST_SKIP() << probe.detail;
    make_pins();
    furnish(container_);
  }

  static void furnish(RuntimeContainer& container) {
    container.spec.with_user_namespace();
    container.spec.namespaces["cgroup"] = "";
    container.spec.capabilities.push_back("CAP_BPF");
  }

  void delegate(bool whole_machine) {
    policy(kPrograms + std::string(whole_machine ? ", programsReach: whole-machine}\n" : "}\n"));
  }

  // Where the kernel keeps a value that no policy grants.
  static std::string address_of_the_secret() {
    const auto said = Command({PINSCOPE_BIN_DIR "/pinscope_probe",
                               "value-address " + std::string(kSecret) + " 1"})
                          .run();
    const std::string address = answer(said, "value-address " + std::string(kSecret) + " 1");
    EXPECT_THAT(address, testing::StartsWith("ok 0xff")) << said;
    return address.size() > 3 ? address.substr(3) : "0";
  }
};

TEST_P(TokenReach, WithCapPerfmonIsTheMemoryOfTheKernel) {
  delegate(true);
  const std::string read = "token-read /sys/fs/bpf helper " + address_of_the_secret();
  for (const std::string capability : {"CAP_PERFMON", "CAP_SYS_ADMIN", ""}) {
    SCOPED_TRACE(capability);
    RuntimeContainer container(GetParam());
    furnish(container);
    if (!capability.empty()) container.spec.capabilities.push_back(capability);
    const auto result = run(container, {read});
    EXPECT_EQ(answer(result, read), capability.empty() ? "EINVAL" : "ok 42")
        << result << installation_.last_audit().error;
  }
}

// What root gains by executing a file is its bounding set, what others gain is what they inherit.
TEST_P(TokenReach, WithCapPerfmonInAnySetIsRefused) {
  delegate(false);
  for (const std::string capability : {"CAP_PERFMON", "CAP_SYS_ADMIN"})
    for (const std::string set : {"bounding", "permitted", "effective", "inheritable", "ambient"}) {
      SCOPED_TRACE(set);
      RuntimeContainer container(GetParam());
      furnish(container);
      container.spec.more_capabilities["bounding"] = {};
      container.spec.more_capabilities[set].push_back(capability);
      const auto result = run(container, {"id"});
      EXPECT_NE(result.status, 0) << result;
      // A runtime may refuse a set that makes no sense before any hook runs.
      const auto line = installation_.last_audit();
      if (set != "bounding" && line.text.empty()) continue;
      EXPECT_EQ(line.code, "delegation");
      EXPECT_THAT(line.error, HasSubstr("it can get CAP_PERFMON or CAP_SYS_ADMIN, with which a "
                                        "program that it loads reads all memory of the kernel"));
    }
}

TEST_P(TokenReach, IsRefusedIfOneOfTwoPoliciesDoesNotAllowIt) {
  delegate(true);
  installation_.write_policy(
      policy_text("select: {}\ndelegate: {commands: [prog_load], programs: [socket_filter]}\n",
                  "other"),
      "other.yaml");
  container_.spec.capabilities.push_back("CAP_PERFMON");
  expect_refusal("reads all memory of the kernel", "delegation");
}

// No capability but CAP_BPF, which a token takes anyway.
TEST_P(TokenReach, OfNewerKernelsIsTheMemoryWithCapBpfAlone) {
  const std::string read = "token-read /sys/fs/bpf cast " + address_of_the_secret();
  delegate(true);
  const auto result = run({read});
  const std::string said = answer(result, read);
  if (said == "ok 42") {
    EXPECT_TRUE(kernel::programs_reach_machine()) << "this kernel is taken for a safe one";
  } else if (said == "EPERM") {
    // Linux 7.3: the same program is loaded with CAP_PERFMON.
    RuntimeContainer container(GetParam());
    furnish(container);
    container.spec.capabilities.push_back("CAP_PERFMON");
    const auto with_both = run(container, {read});
    EXPECT_EQ(answer(with_both, read), "ok 42") << with_both;
  } else {
    EXPECT_THAT(said, AnyOf("EINVAL", "EACCES")) << result << installation_.last_audit().error;
  }
}

TEST_P(TokenReach, OfNewerKernelsIsEveryProcess) {
  delegate(true);
  std::string said;
  // Programs know processes by their number in the initial PID namespace, which is not ours here.
  Command bystander({PINSCOPE_BIN_DIR "/pinscope_probe", "machine-pid", "wait-for /nowhere"});
  const auto end = bystander
                       .while_running([&](pid_t child) {
                         while (bystander.out().find('\n') == std::string::npos) sched_yield();
                         CommandResult so_far;
                         so_far.out = bystander.out();
                         const std::string pid = answer(so_far, "machine-pid").substr(3);
                         ASSERT_GT(std::stol(pid), 1) << bystander.out();
                         const std::string signal = "token-signal /sys/fs/bpf " + pid + " 9";
                         said = answer(run({signal}), signal);
                         if (said != "ok") kill(child, SIGTERM);
                       })
                       .run();
  if (said == "ok") {
    EXPECT_EQ(end.status, 128 + SIGKILL) << end;
    EXPECT_TRUE(kernel::programs_reach_machine()) << "this kernel is taken for a safe one";
  } else {
    EXPECT_THAT(said, AnyOf("ENOSYS", "EINVAL", "EACCES")) << installation_.last_audit().error;
    EXPECT_EQ(end.status, 128 + SIGTERM) << end;
  }
}

TEST_P(TokenReach, OfNewerKernelsIsRefusedUnlessThePolicyAllowsIt) {
  if (!kernel::programs_reach_machine()) GTEST_SKIP() << "this kernel's programs reach no further";
  delegate(false);
  expect_refusal("since Linux 6.13 functions for both ask for CAP_BPF only", "delegation");
  policy("delegate: {commands: [map_create], maps: [hash]}\n");
  RuntimeContainer container(GetParam());
  furnish(container);
  const auto result = run(container, {"token-map /sys/fs/bpf 1"});
  EXPECT_EQ(answer(result, "token-map /sys/fs/bpf 1"), "ok") << "maps load nothing";
}

// A process has every capability in a user namespace that it makes, and none more in the token's.
TEST_P(TokenReach, IsNoFurtherFromAChildNamespace) {
  delegate(true);
  const std::string below = "token-read-below /sys/fs/bpf " + address_of_the_secret();
  const auto result = run({below});
  EXPECT_EQ(answer(result, below), "EPERM") << result << installation_.last_audit().error;
}

// Types that trace, and programs that replace others, whatever the capabilities: with the attach
// types and programs that another policy delegates, too.
TEST_P(TokenReach, IsNeverThatOfTracingOrOfReplacingPrograms) {
  delegate(true);
  installation_.write_policy(
      policy_text("select: {}\ndelegate: {commands: [map_create, prog_load, btf_load], maps: "
                  "[array, prog_array], programs: [sched_cls, xdp, sk_msg, sock_ops, netfilter], "
                  "attach: [tcx_ingress, xdp, sk_msg_verdict, cgroup_sock_ops, netfilter], "
                  "programsReach: whole-machine}\n",
                  "other"),
      "other.yaml");
  struct Kind {
    const char* name;
    int type;
    std::vector<int> attach;
  };
  const std::vector<Kind> kinds = {{"kprobe", 2, {0, 42, 48, 56, 57}},  // uprobes are of this type
                                   {"tracepoint", 5, {0}},
                                   {"perf_event", 7, {0, 41}},
                                   {"raw_tracepoint", 17, {0}},
                                   {"raw_tracepoint_writable", 24, {0}},
                                   {"tracing", 26, {0, 23, 24, 25, 26, 28}},
                                   {"struct_ops", 27, {0, 44}},
                                   {"ext", 28, {0}},  // freplace
                                   {"lsm", 29, {0, 27, 43}},
                                   {"syscall", 31, {0}}};
  std::vector<std::string> commands;
  for (const auto& kind : kinds)
    for (const int attach : kind.attach)
      commands.push_back("token-prog /sys/fs/bpf " + std::to_string(kind.type) + " " +
                         std::to_string(attach));
  commands.emplace_back("token-prog /sys/fs/bpf 1 0");
  container_.spec.capabilities = BundleSpec::all_capabilities();
  const auto result = run(commands);
  EXPECT_EQ(answer(result, "token-prog /sys/fs/bpf 1 0"), "ok")
      << result << installation_.last_audit().error;
  commands.pop_back();
  for (const auto& command : commands) EXPECT_EQ(answer(result, command), "EPERM") << command;
}

PINSCOPE_EACH_RUNTIME(TokenReach);

}  // namespace
}  // namespace pinscope::test
