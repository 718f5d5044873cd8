// What a process may do, read from a real one and from texts.
#include "plugin/kernel/process/credentials.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "plugin/host/file.h"
#include "tests/support/machine/check.h"

namespace pinscope::kernel {
namespace {

using test::check;
using testing::ElementsAre;

Credentials parsed(std::string_view text) {
  Credentials credentials;
  parse_status(text, credentials);
  return credentials;
}

TEST(Credentials, AreInTheStatusOfAProcess) {
  const auto found = parsed(
      "Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t10 20 \nCapPrm:\t0000000000200000\n"
      "CapBnd:\t0000000000000001\nNoNewPrivs:\t0\nSeccomp:\t2\n");
  EXPECT_EQ(found.uid, 4U);
  EXPECT_EQ(found.gid, 8U);
  EXPECT_THAT(found.groups, ElementsAre(10U, 20U));
  EXPECT_THAT(found.uids, ElementsAre(1U, 2U, 3U));
  EXPECT_THAT(found.gids, ElementsAre(5U, 6U, 7U));
  EXPECT_FALSE(found.has_no_new_privileges);
  EXPECT_EQ(found.permitted, uint64_t{1} << CAP_SYS_ADMIN);
  EXPECT_EQ(found.attainable, (uint64_t{1} << CAP_SYS_ADMIN) | 1);
  EXPECT_TRUE(found.has_seccomp_filter);
}

TEST(Credentials, AreNotAttainableWithoutNewPrivileges) {
  EXPECT_EQ(parsed("Name:\tx\nCapPrm:\t2\nCapBnd:\t3\nNoNewPrivs:\t1\n").attainable, 2U);
}

TEST(Credentials, AreNotTakenFromTheNameOfAProcess) {
  // The kernel escapes a line feed in it.
  EXPECT_EQ(parsed("Name:\tUid:\t0\\nUid:\t0\nUid:\t1\t1\t1\t1\n").uid, 1U);
}

TEST(Credentials, OfAProcessAreThoseOfEachThread) {
  int ready[2];
  check(pipe(ready), "pipe");
  const pid_t child = check(fork(), "fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::thread keeper([&] {
      // Of this thread alone: the call of the kernel, not the library's for all of them.
      if (::syscall(SYS_setresgid, 4711, 4711, 4711) != 0) _exit(1);
      check(write(ready[1], "x", 1) == 1 ? 0 : -1, "tell");
      for (;;) pause();
    });
    keeper.join();
  }
  char byte = 0;
  check(read(ready[0], &byte, 1) == 1 ? 0 : -1, "wait");
  close(ready[0]);
  close(ready[1]);
  const Fd proc(check(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open /proc"));
  const auto its = read_credentials_of_threads(proc.get(), child);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  ASSERT_TRUE(its.has_value());
  ASSERT_EQ(its->size(), 2U);
  EXPECT_NE(its->front().gid, 4711U);
  EXPECT_EQ(its->back().gid, 4711U);
  EXPECT_FALSE(read_credentials_of_threads(proc.get(), child).has_value()) << "it has ended";
}

TEST(Credentials, OfAProcessInAUserNamespaceHaveItsMaps) {
  int ready[2];
  check(pipe(ready), "pipe");
  const pid_t child = check(fork(), "fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    check(unshare(CLONE_NEWUSER), "unshare");
    check(write(ready[1], "x", 1) == 1 ? 0 : -1, "tell");
    for (;;) pause();
  }
  char byte = 0;
  check(read(ready[0], &byte, 1) == 1 ? 0 : -1, "wait");
  close(ready[0]);
  close(ready[1]);
  const Fd proc(check(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open /proc"));
  const auto own = read_credentials(proc.get(), getpid());
  const auto its = read_credentials(proc.get(), child);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  ASSERT_TRUE(own.has_value());
  EXPECT_TRUE(own->hosts_user_namespace);
  EXPECT_TRUE(own->hosts_pid_namespace);
  EXPECT_TRUE(own->uid_map.empty());
  ASSERT_TRUE(its.has_value());
  EXPECT_FALSE(its->hosts_user_namespace);
  EXPECT_FALSE(its->uid_map.empty());
  EXPECT_FALSE(is_same(*own, *its));
  EXPECT_FALSE(read_credentials(proc.get(), child).has_value()) << "it has ended";
}

}  // namespace
}  // namespace pinscope::kernel
