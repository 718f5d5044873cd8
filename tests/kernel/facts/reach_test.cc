// What a process of root may do with another that has the same ids, as with a debugger: facts that
// plugin/kernel/process/concealment.h stands on.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>

#include "plugin/base/fd.h"
#include "plugin/kernel/process/concealment.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

constexpr uint64_t kDefault = 0xa80425fb;  // what engines give a container
constexpr uint64_t bit(int capability) {
  return uint64_t{1} << capability;
}

void keep(uint64_t capabilities) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  for (unsigned half = 0; half < 2; half++)
    sets[half].effective = sets[half].permitted =
        static_cast<uint32_t>(capabilities >> (32 * half));
  if (syscall(SYS_capset, &header, sets) != 0) _exit(125);
}

// A process that has prepared itself, and stays.
class Target {
 public:
  explicit Target(const std::function<void()>& prepare) {
    int ends[2];
    check(pipe2(ends, O_CLOEXEC), "pipe2");
    const Fd reader(ends[0]);
    Fd writer(ends[1]);
    pid_ = check(fork(), "fork");
    if (pid_ == 0) {
      prepare();
      if (write(writer.get(), "+", 1) != 1) _exit(1);
      for (;;) pause();
    }
    writer.reset();
    char byte = 0;
    EXPECT_EQ(read(reader.get(), &byte, 1), 1);
  }
  ~Target() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  // Whether root with the default capabilities of a container opens its root directory; and reads
  // its limits.
  [[nodiscard]] bool opens(uint64_t attacker = kDefault) const {
    return as_attacker(attacker, [&] {
      return open(("/proc/" + std::to_string(pid_) + "/root").c_str(), O_PATH) >= 0;
    });
  }
  [[nodiscard]] bool limits(uint64_t attacker = kDefault) const {
    return as_attacker(attacker, [&] {
      struct rlimit limit {};
      return prlimit(pid_, RLIMIT_NOFILE, nullptr, &limit) == 0;
    });
  }

 private:
  static bool as_attacker(uint64_t capabilities, const std::function<bool()>& work) {
    const pid_t child = check(fork(), "fork");
    if (child == 0) {
      keep(capabilities);
      _exit(work() ? 0 : 1);
    }
    int status = 0;
    check(waitpid(child, &status, 0), "waitpid");
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  pid_t pid_ = -1;
};

TEST(ReachFacts, AProcessOfRootWithFewerCapabilitiesIsOpen) {
  EXPECT_TRUE(Target([] { keep(0); }).opens());
  EXPECT_TRUE(Target([] { keep(bit(CAP_SETGID)); }).opens());
  EXPECT_FALSE(Target([] { keep(bit(CAP_SETGID) | bit(CAP_SYS_PTRACE)); }).opens());
  EXPECT_FALSE(Target([] {}).opens());
}

TEST(ReachFacts, OneThatIsNotDumpableIsClosedButForItsLimits) {
  const Target target([] {
    keep(0);
    prctl(PR_SET_DUMPABLE, 0);
  });
  EXPECT_FALSE(target.opens());
  EXPECT_TRUE(target.limits());
  EXPECT_TRUE(target.opens(kDefault | bit(CAP_SYS_PTRACE)));
}

TEST(ReachFacts, OneWhoseSavedGroupIsAnotherIsClosedAndItsLimitsAre) {
  const Target target([] {
    if (setresgid(0, 0, 65534) != 0) _exit(1);
    keep(0);
  });
  EXPECT_FALSE(target.opens());
  EXPECT_FALSE(target.limits());
  EXPECT_TRUE(target.opens(kDefault | bit(CAP_SYS_PTRACE)));
}

// Most of a process's end is giving its memory back, and on many kernels nobody asks meanwhile
// whether it was dumpable. Tried for as long as it takes to see it, or often.
bool is_met_at_its_end(const std::function<void()>& prepare, int tries = 10) {
  constexpr size_t kMemory = size_t{8} << 20;
  bool met = false;
  for (int i = 0; i < tries && !met; ++i) {
    int ends[2];
    check(pipe2(ends, O_CLOEXEC), "pipe2");
    const pid_t target = check(fork(), "fork");
    if (target == 0) {
      prepare();
      std::string memory(kMemory, 'x');
      keep(0);
      if (write(ends[1], "+", 1) != 1) _exit(1);
      _exit(memory.back() == 'x' ? 0 : 1);
    }
    close(ends[1]);
    const pid_t attacker = check(fork(), "fork");
    if (attacker == 0) {
      keep(kDefault);
      char byte = 0;
      if (read(ends[0], &byte, 1) != 1) _exit(1);
      const std::string path = "/proc/" + std::to_string(target) + "/root";
      while (open(path.c_str(), O_PATH) < 0) {
        const Fd file(open(("/proc/" + std::to_string(target) + "/stat").c_str(), O_RDONLY));
        char text[512] = {};
        if (!file.valid() || read(file.get(), text, sizeof(text) - 1) <= 0) _exit(1);
        const char* state = std::strrchr(text, ')');
        if (state != nullptr && state[1] != 0 && state[2] == 'Z') _exit(1);
      }
      _exit(0);
    }
    close(ends[0]);
    int status = 0;
    check(waitpid(attacker, &status, 0), "waitpid");
    met = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    check(waitpid(target, &status, 0), "waitpid");
  }
  return met;
}

TEST(ReachFacts, OneWhoseSavedGroupIsAnotherIsClosedWhileItEnds) {
  EXPECT_TRUE(is_met_at_its_end([] {}, 100));
  // __ptrace_may_access of older kernels asks nothing where there is no memory any more.
  const bool met = is_met_at_its_end([] { prctl(PR_SET_DUMPABLE, 0); });
  RecordProperty("undumpable", met ? "met" : "not met");
  EXPECT_FALSE(is_met_at_its_end([] {
    prctl(PR_SET_DUMPABLE, 0);
    if (setresgid(0, 0, 65534) != 0) _exit(1);
  }));
}

// A service behind a Unix socket is named by the socket itself since Linux 6.5, to whoever
// connects, in whichever PID namespace.
#ifndef SO_PEERPIDFD
constexpr int SO_PEERPIDFD = 77;
#endif
bool takes_a_descriptor_of_the_service(const std::function<void()>& prepare) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "pinscope-reach-%d", getpid());
  const auto* place = reinterpret_cast<const sockaddr*>(&address);
  const Target service([&] {
    const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, place, sizeof address) != 0 || listen(listener, 1) != 0) _exit(1);
    prepare();
  });
  const pid_t above = check(fork(), "fork");
  if (above == 0) {
    if (unshare(CLONE_NEWPID) != 0) _exit(125);
    const pid_t attacker = fork();
    if (attacker == 0) {
      keep(kDefault);
      const int connected = socket(AF_UNIX, SOCK_STREAM, 0);
      if (connect(connected, place, sizeof address) != 0) _exit(124);
      int pidfd = -1;
      socklen_t size = sizeof pidfd;
      if (getsockopt(connected, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) != 0) _exit(123);
      _exit(syscall(SYS_pidfd_getfd, pidfd, 0, 0) >= 0 ? 0 : 1);
    }
    int status = 0;
    waitpid(attacker, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 125);
  }
  int status = 0;
  check(waitpid(above, &status, 0), "waitpid");
  if (WIFEXITED(status) && WEXITSTATUS(status) > 1)
    throw std::runtime_error("the socket names nobody: " + std::to_string(WEXITSTATUS(status)));
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(ReachFacts, AServiceWithFewerCapabilitiesIsOpenThroughItsSocket) {
  try {
    EXPECT_TRUE(takes_a_descriptor_of_the_service([] { keep(0); }));
  } catch (const std::runtime_error& error) {
    GTEST_SKIP() << "this kernel has no SO_PEERPIDFD (Linux 6.5): " << error.what();
  }
  EXPECT_FALSE(takes_a_descriptor_of_the_service([] {}));
  EXPECT_FALSE(takes_a_descriptor_of_the_service([] {
    prctl(PR_SET_DUMPABLE, 0);
    keep(0);
  }));
}

// What our programs do about it (the attack on each is in tests/attack/process_reach_test.cc).
bool holds_in_a_child(const std::function<bool()>& work) {
  const pid_t child = check(fork(), "fork");
  if (child == 0) _exit(work() ? 0 : 1);
  int status = 0;
  check(waitpid(child, &status, 0), "waitpid");
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(Concealment, IsOfTheMemoryAndOfTheIds) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a sanitized program looks at itself as a debugger does";
#endif
  EXPECT_TRUE(holds_in_a_child([] {
    return kernel::conceal_process() && prctl(PR_GET_DUMPABLE) == 0 && kernel::is_set_apart();
  }));
}

TEST(Concealment, DoesWithoutTheIdsWhereTheyCannotBeChanged) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a sanitized program looks at itself as a debugger does";
#endif
  EXPECT_TRUE(holds_in_a_child([] {
    keep(0);
    return kernel::conceal_process() && prctl(PR_GET_DUMPABLE) == 0 && !kernel::is_set_apart();
  }));
}

}  // namespace
}  // namespace pinscope::test
