// The container's process: which one it is, and what is read about it.
#include "plugin/kernel/process/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "tests/support/machine/check.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using kernel::ContainerProcess;

// A child that does something, says so, and waits to be killed.
class Child {
 public:
  explicit Child(const std::function<void()>& work) {
    int ends[2];
    check(pipe(ends), "pipe");
    pid_ = check(fork(), "fork");
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      work();
      [[maybe_unused]] const auto told = write(ends[1], "x", 1);
      for (;;) pause();
    }
    close(ends[1]);
    char byte = 0;
    [[maybe_unused]] const auto heard = read(ends[0], &byte, 1);
    close(ends[0]);
  }
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    ended_ = std::exchange(pid_, -1);
  }
  [[nodiscard]] pid_t pid() const { return pid_ > 0 ? pid_ : ended_; }

 private:
  pid_t pid_ = -1;
  pid_t ended_ = -1;
};

TEST(ContainerProcesses, ThatAreGoneAreNotOpened) {
  Child child([] {});
  child.end();
  const auto process = ContainerProcess::open(child.pid());
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().code(), ErrorCode::kProcessGone);
  EXPECT_EQ(process.error().sentence(), "cannot look at the container's process " +
                                            std::to_string(child.pid()) + ": No such process");
}

TEST(ContainerProcesses, ThatHaveEndedAreNotEntered) {
  Child child([] { unshare(CLONE_NEWNS); });
  const auto process = ContainerProcess::open(child.pid());
  ASSERT_TRUE(process) << process.error().sentence();
  child.end();
  const auto entered = process->enter_mount_namespace();
  ASSERT_FALSE(entered);
  EXPECT_EQ(entered.error().code(), ErrorCode::kProcessGone);
}

TEST(ContainerProcesses, OfImpossibleNumbersAreGone) {
  for (const pid_t pid : {0, -1, 0x7fffffff}) {
    const auto process = ContainerProcess::open(pid);
    ASSERT_FALSE(process);
    EXPECT_EQ(process.error().code(), ErrorCode::kProcessGone) << process.error().sentence();
  }
}

TEST(ContainerProcesses, HaveAStartTimeWhateverTheirName) {
  const Child child([] { prctl(PR_SET_NAME, ") R 1 (\n"); });
  const auto process = ContainerProcess::open(child.pid());
  ASSERT_TRUE(process) << process.error().sentence();
  EXPECT_GE(process->start_time(), kernel::process_start_time(getpid()));
  EXPECT_EQ(process->start_time(), kernel::process_start_time(child.pid()));
  const uint64_t start = process->start_time();
  EXPECT_GT(start, 0U);
  EXPECT_EQ(kernel::process_start_time(0x7fffffff), 0U);
}

TEST(ContainerProcesses, ThatNobodyHasWaitedForAreGone) {
  const pid_t zombie = check(fork(), "fork");
  if (zombie == 0) _exit(0);
  siginfo_t info = {};
  check(waitid(P_PID, static_cast<id_t>(zombie), &info, WEXITED | WNOWAIT), "waitid");
  EXPECT_EQ(kernel::process_start_time(zombie), 0U);
  check(waitpid(zombie, nullptr, 0), "waitpid");
}

TEST(ContainerProcesses, WhoseFirstThreadHasEndedAreNotGone) {
  const pid_t process = check(fork(), "fork");
  if (process == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::thread([] { pause(); }).detach();
    syscall(SYS_exit, 0);  // this thread alone
  }
  const std::string stat = "/proc/" + std::to_string(process) + "/stat";
  EXPECT_TRUE(wait_until([&] { return read_file(stat).contains(") Z "); }));
  EXPECT_GT(kernel::process_start_time(process), 0U);
  kill(process, SIGKILL);
  check(waitpid(process, nullptr, 0), "waitpid");
}

TEST(ContainerProcesses, AreKnownToShareOurMountNamespace) {
  const Child sharing([] {});
  EXPECT_TRUE(ContainerProcess::open(sharing.pid())->shares_our_mount_namespace());
  const Child apart([] { check(unshare(CLONE_NEWNS), "unshare"); });
  EXPECT_FALSE(ContainerProcess::open(apart.pid())->shares_our_mount_namespace());
}

TEST(ContainerProcesses, AreKnownToShareTheNamespaceOfProcessOne) {
  // A runtime in a mount namespace of its own, and a container in the host's.
  const Child container([] {});
  const pid_t hook = check(fork(), "fork");
  if (hook == 0) {
    if (unshare(CLONE_NEWNS) != 0) _exit(2);
    const auto process = ContainerProcess::open(container.pid());
    _exit(process && process->shares_our_mount_namespace() ? 0 : 1);
  }
  int status = 0;
  waitpid(hook, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(ContainerProcesses, OfAUserNamespaceHaveIdMaps) {
  const Child child([] { check(unshare(CLONE_NEWUSER), "unshare"); });
  const auto process = ContainerProcess::open(child.pid());
  ASSERT_TRUE(process) << process.error().sentence();
  EXPECT_FALSE(process->shares_our_user_namespace());
  // A map that is not written yet maps nothing, which is not "no user namespace".
  auto map = process->uid_map();
  ASSERT_TRUE(map) << map.error().sentence();
  EXPECT_EQ(model::map_to_host(*map, 0), std::nullopt);

  const std::string proc = "/proc/" + std::to_string(child.pid());
  write_proc_file(proc + "/uid_map", "0 100000 1000\n1000 5000 1\n");
  map = process->uid_map();
  ASSERT_TRUE(map) << map.error().sentence();
  EXPECT_EQ(model::map_to_host(*map, 999), 100999U);
  EXPECT_EQ(model::map_to_host(*map, 1000), 5000U);
  EXPECT_EQ(model::map_to_host(*map, 1001), std::nullopt);
}

TEST(ContainerProcesses, WithoutAUserNamespaceHaveTheHostsIds) {
  const Child child([] {});
  const auto map = ContainerProcess::open(child.pid())->uid_map();
  ASSERT_TRUE(map) << map.error().sentence();
  EXPECT_EQ(model::map_to_host(*map, 1000), 1000U);
}

TEST(ContainerProcesses, AreAskedForANamespaceByItsPath) {
  const Child child([] { check(unshare(CLONE_NEWNET), "unshare"); });
  const auto process = ContainerProcess::open(child.pid());
  const std::string own = "/proc/" + std::to_string(child.pid()) + "/ns/net";
  EXPECT_TRUE(process->namespace_is(model::NamespaceKind::kNet, own));
  EXPECT_FALSE(process->namespace_is(model::NamespaceKind::kNet, "/proc/self/ns/net"));
  EXPECT_TRUE(process->namespace_is(model::NamespaceKind::kUts, "/proc/self/ns/uts"));
  EXPECT_FALSE(process->namespace_is(model::NamespaceKind::kNet, "/run/netns/nowhere"));
  EXPECT_FALSE(process->namespace_is(model::NamespaceKind::kNet, "/"));
}

}  // namespace
}  // namespace pinscope::test
