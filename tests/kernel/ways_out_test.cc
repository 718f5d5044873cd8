// What is mounted in a container that leads out of it: told by what the kernel says, from inside of
// its mount namespace, by a process of the host's.
#include "plugin/kernel/ways_out.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "plugin/base/file.h"
#include "plugin/kernel/probe.h"
#include "tests/support/programs.h"

namespace pinscope::test {
namespace {

TEST(WaysOut, AreCgroupsAboveTheOwnOne) {
  EXPECT_TRUE(kernel::is_own_cgroup("/", "/pod/app"));
  EXPECT_TRUE(kernel::is_own_cgroup("/below", "/pod/app/below"));
  EXPECT_TRUE(kernel::is_own_cgroup("/..below", "/pod/app/..below"));
  EXPECT_FALSE(kernel::is_own_cgroup("/..", "/pod"));
  EXPECT_FALSE(kernel::is_own_cgroup("/../beside", "/pod/beside"));
  // Its namespace has the root of ours.
  EXPECT_FALSE(kernel::is_own_cgroup("/", "/"));
  EXPECT_FALSE(kernel::is_own_cgroup("/pod/app", "/pod/app"));
}

TEST(WaysOut, AreNetworkNamespacesAndNoOthers) {
  EXPECT_EQ(kernel::network_namespace_in("net:[4026531840]"), 4026531840U);
  for (const char* other : {"mnt:[4026531841]", "/", "", "net:[]", "net:"})
    EXPECT_EQ(kernel::network_namespace_in(other), 0U) << other;
}

// The mounts of a process in a cgroup namespace of its own, whose root is the empty cgroup.
class MountedWaysOut : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam() && !kernel::quick_features().list_mounts)
      GTEST_SKIP() << "this kernel has no listmount(2)";
  }

  // Runs `work` in a child and gives what it wrote.
  template <typename Work>
  static std::string in_child(const Work& work) {
    int ends[2];
    check(pipe2(ends, O_CLOEXEC), "pipe");
    const pid_t child = check(fork(), "fork");
    if (child == 0) {
      const std::string text = work();
      _exit(write(ends[1], text.data(), text.size()) < 0 ? 1 : 0);
    }
    close(ends[1]);
    std::string text = read_all(ends[0], 1U << 16, "pipe").value_or("");
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return text;
  }
};

TEST_P(MountedWaysOut, AreToldFromTheContainersOwn) {
  const Cgroups cgroups;
  TempDirectory directory;
  const std::string root = directory.make_directory("root");
  int ready[2];
  check(pipe2(ready, O_CLOEXEC), "pipe");
  const pid_t container = check(fork(), "fork");
  if (container == 0) {
    std::ofstream(cgroups.empty() + "/cgroup.procs") << getpid() << std::flush;
    check(unshare(CLONE_NEWCGROUP | CLONE_NEWNS | CLONE_NEWNET), "unshare");
    check(mount("tmpfs", root.c_str(), "tmpfs", 0, ""), "mount the root");
    const auto make = [&](const std::string& name) {
      check(mkdir((root + "/" + name).c_str(), 0755), "make a directory");
      return root + "/" + name;
    };
    const auto make_file = [&](const std::string& name) {
      std::ofstream(root + "/" + name) << "";
      return root + "/" + name;
    };
    const auto bind = [&](const std::string& from, const std::string& to) {
      check(mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr), "bind " + from);
    };
    check(mount("cgroup2", make("own").c_str(), "cgroup2", 0, ""), "mount cgroups");
    bind(cgroups.path(), make("all"));
    bind(cgroups.empty(), make("same"));
    bind("/proc/self/ns/net", make_file("own-net"));
    bind("/proc/" + std::to_string(getppid()) + "/ns/net", make_file("net"));
    bind("/proc/self/ns/uts", make_file("uts"));
    bind("/proc", make("proc"));
    bind("/proc/sys", make("sys"));
    bind("/proc/" + std::to_string(getppid()), make("process"));
    check(static_cast<int>(write(ready[1], "x", 1)), "say that it is ready");
    for (;;) pause();
  }
  close(ready[1]);
  char byte = 0;
  EXPECT_EQ(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  const std::string found = in_child([&]() -> std::string {
    const auto process = kernel::ContainerProcess::open(container);
    if (!process) return process.error().sentence();
    const auto mountinfo = process->mountinfo();
    if (!process->enter_mount_namespace()) return "cannot enter";
    const auto top = open_at(AT_FDCWD, root, O_PATH);
    const auto ways = kernel::ways_out(kernel::MountTable(GetParam(), mountinfo->get()), top->get(),
                                       root, *process);
    if (!ways) return ways.error().sentence();
    std::string text;
    for (const auto& way : *ways)
      text += way.what.substr(way.what.rfind('/')) +
              (way.scope == model::Scope::kCgroup ? " cgroup\n" : " network\n");
    return text;
  });
  EXPECT_EQ(found,
            "/all\" cgroup\n/net\" network\n/proc\" network\n/proc\" cgroup\n"
            "/process\" network\n/process\" cgroup\n");
  kill(container, SIGKILL);
  waitpid(container, nullptr, 0);
}

INSTANTIATE_TEST_SUITE_P(, MountedWaysOut, testing::Bool(), [](const auto& listed) {
  return std::string(listed.param ? "ByListmount" : "ByMountinfo");
});

}  // namespace
}  // namespace pinscope::test
