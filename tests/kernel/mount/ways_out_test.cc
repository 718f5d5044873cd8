// What is mounted in a container that leads out of it: told by what the kernel says, from inside of
// its mount namespace, by a process of the host's.
#include "plugin/kernel/mount/ways_out.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "plugin/host/file.h"
#include "plugin/kernel/probe.h"
#include "tests/support/bpf/programs.h"

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

  // A process in the empty cgroup, and in namespaces of its own in which `mount_all` has mounted
  // what is below `root`.
  template <typename MountAll>
  static pid_t start_container(const Cgroups& cgroups, const std::string& root,
                               const MountAll& mount_all) {
    int ready[2];
    check(pipe2(ready, O_CLOEXEC), "pipe");
    const pid_t container = check(fork(), "fork");
    if (container == 0) {
      std::ofstream(cgroups.empty() + "/cgroup.procs") << getpid() << std::flush;
      check(unshare(CLONE_NEWCGROUP | CLONE_NEWNS | CLONE_NEWNET), "unshare");
      check(mount("tmpfs", root.c_str(), "tmpfs", 0, ""), "mount the root");
      mount_all();
      check(static_cast<int>(write(ready[1], "x", 1)), "say that it is ready");
      for (;;) pause();
    }
    close(ready[1]);
    char byte = 0;
    EXPECT_EQ(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return container;
  }
  static void end_container(pid_t container) {
    kill(container, SIGKILL);
    waitpid(container, nullptr, 0);
  }
  static std::string make(const std::string& directory) {
    check(mkdir(directory.c_str(), 0755), "make a directory");
    return directory;
  }

  // What a hook says of the container: "/where" and its scope, a line each.
  static std::string look(pid_t container, const std::string& root) {
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
  }
};

TEST_P(MountedWaysOut, AreToldFromTheContainersOwn) {
  const Cgroups cgroups;
  TempDirectory directory;
  const std::string root = directory.make_directory("root");
  const pid_t container = start_container(cgroups, root, [&] {
    const auto make_file = [&](const std::string& name) {
      std::ofstream(root + "/" + name) << "";
      return root + "/" + name;
    };
    const auto bind = [&](const std::string& from, const std::string& to) {
      check(mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr), "bind " + from);
    };
    check(mount("cgroup2", make(root + "/own").c_str(), "cgroup2", 0, ""), "mount cgroups");
    bind(cgroups.path(), make(root + "/all"));
    bind(cgroups.empty(), make(root + "/same"));
    bind("/proc/self/ns/net", make_file("own-net"));
    bind("/proc/" + std::to_string(getppid()) + "/ns/net", make_file("net"));
    bind("/proc/self/ns/uts", make_file("uts"));
    bind("/proc", make(root + "/proc"));
    bind("/proc/sys", make(root + "/sys"));
    bind("/proc/" + std::to_string(getppid()), make(root + "/process"));
  });
  EXPECT_EQ(in_child([&] { return look(container, root); }),
            "/all\" cgroup\n/net\" network\n/proc\" network\n/proc\" cgroup\n"
            "/process\" network\n/process\" cgroup\n");
  end_container(container);
}

// An engine that was told to make no cgroup leaves the container in its own: what is attached there
// governs the engine.
TEST_P(MountedWaysOut, AreItsOwnCgroupsAsWellWhereTheRuntimeIsInThem) {
  const Cgroups cgroups;
  TempDirectory directory;
  const std::string root = directory.make_directory("root");
  const pid_t container = start_container(cgroups, root, [&] {
    check(mount("cgroup2", make(root + "/own").c_str(), "cgroup2", 0, ""), "mount cgroups");
  });
  EXPECT_EQ(in_child([&] { return look(container, root); }), "");
  EXPECT_EQ(in_child([&] {
              std::ofstream(cgroups.empty() + "/cgroup.procs") << getpid() << std::flush;
              return look(container, root);
            }),
            "/own\" cgroup\n");
  end_container(container);
}

INSTANTIATE_TEST_SUITE_P(, MountedWaysOut, testing::Bool(), [](const auto& listed) {
  return std::string(listed.param ? "ByListmount" : "ByMountinfo");
});

}  // namespace
}  // namespace pinscope::test
