// What the kernel lets a process do with a program that it has a descriptor of: the reasons for
// access: use, and for what is refused beside it. All of it without any capability.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/bpf/map_of_type.h"
#include "tests/support/bpf/programs.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {
namespace {

class ProgramFacts : public testing::Test {
 protected:
  HostPins pins_;
  TempDirectory directory_;
  const std::string kPin = "/sys/fs/bpf/program";

  void program(uint32_t type, uint32_t attach = 0) {
    pins_.object(make_program_of_type(type, attach), kPin);
  }
  // By a process that has given up every capability.
  static std::string powerless(const std::string& command) {
    return ask_all({"keep-caps 0", command}).back();
  }
};

TEST_F(ProgramFacts, WhoeverHasOneRunsItAndChangesMapsThatTheyCannotOpen) {
  pins_.map("/sys/fs/bpf/secret");
  chmod("/sys/fs/bpf/secret", 0);
  pins_.object(make_writer("/sys/fs/bpf/secret"), kPin);
  EXPECT_EQ(powerless("test-run " + kPin), "ok 1");
  EXPECT_EQ(value_at("/sys/fs/bpf/secret", 1), 99U);
  EXPECT_EQ(powerless("attach-socket " + kPin), "ok");
}

TEST_F(ProgramFacts, WhoeverHasARawTracepointAttachesItToTheWholeMachine) {
  program(BPF_PROG_TYPE_RAW_TRACEPOINT);
  EXPECT_EQ(powerless("raw-tracepoint " + kPin + " sched_switch"), "ok");
}

TEST_F(ProgramFacts, WhoeverOpensACgroupAttachesThemThere) {
  const Cgroups cgroups;
  program(BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE);
  EXPECT_EQ(powerless("link-path " + kPin + " " + cgroups.empty() + " 2"), "ok");
}

TEST_F(ProgramFacts, WhoeverOpensACgroupDetachesThemThere) {
  const Cgroups cgroups;
  const Fd program = make_program_of_type(BPF_PROG_TYPE_CGROUP_SKB);
  pins_.object(program, kPin);
  const Fd cgroup(check(open(cgroups.empty().c_str(), O_RDONLY | O_CLOEXEC), "open cgroup"));
  const auto attach = [&] {
    union bpf_attr attributes = {};
    attributes.target_fd = static_cast<uint32_t>(cgroup.get());
    attributes.attach_bpf_fd = static_cast<uint32_t>(program.get());
    attributes.attach_type = BPF_CGROUP_INET_INGRESS;
    check(static_cast<int>(::syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof attributes)),
          "attach");
  };
  attach();
  EXPECT_EQ(powerless("detach " + kPin + " " + cgroups.empty() + " 0"), "ok");
  attach();
  // Not even the program is needed.
  EXPECT_EQ(powerless("detach - " + cgroups.empty() + " 0"), "ok");
}

TEST_F(ProgramFacts, WhoeverHasTheFileOfANetworkNamespaceAttachesThemThere) {
  program(BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP);
  const Fd home(check(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open namespace"));
  check(unshare(CLONE_NEWNET), "unshare network namespace");
  const Mounted other = Mounted::bind("/proc/thread-self/ns/net", directory_.write("other", ""));
  check(setns(home.get(), CLONE_NEWNET), "return to the network namespace");
  EXPECT_EQ(powerless("link-path " + kPin + " " + other.path() + " 36"), "ok");
}

TEST_F(ProgramFacts, WhoeverHasOneMakesItHoldAMap) {
  pins_.map("/sys/fs/bpf/held");
  program(BPF_PROG_TYPE_SOCKET_FILTER);
  EXPECT_EQ(powerless("bind-map " + kPin + " /sys/fs/bpf/held"), "ok");
}

TEST_F(ProgramFacts, AProgramGoesIntoALinkAndIntoAMapOfOthers) {
  const Cgroups cgroups;
  pins_.object(make_cgroup_link(cgroups), "/sys/fs/bpf/link");
  EXPECT_EQ(ask("link-update -,9,2 /sys/fs/bpf/link"), "ok");
  const auto calls = make_map_of_type(BPF_MAP_TYPE_PROG_ARRAY);
  ASSERT_TRUE(calls);
  pins_.object(*calls, "/sys/fs/bpf/calls");
  EXPECT_EQ(ask("put-program -,1,0 /sys/fs/bpf/calls"), "ok");
}

}  // namespace
}  // namespace pinscope::test
