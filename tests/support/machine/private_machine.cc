#include "tests/support/machine/private_machine.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

constexpr const char* kHybridCgroup2 = "/sys/fs/cgroup/unified";

void make_mounts() {
  check(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make mounts private");
  check(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr), "mount /proc");
  // What an init system or somebody else has mounted there would be one more, below.
  while (umount2("/sys/fs/bpf", MNT_DETACH) == 0) {
  }
  check(mount("bpf", "/sys/fs/bpf", "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr),
        "mount /sys/fs/bpf");
  // crun refuses a machine whose version 2 hierarchy, beside version 1, has controllers.
  std::ifstream controllers(std::string(kHybridCgroup2) + "/cgroup.controllers");
  if (std::istreambuf_iterator<char>(controllers) != std::istreambuf_iterator<char>())
    umount2(kHybridCgroup2, MNT_DETACH);
}

int status_of(pid_t child) {
  int status = 0;
  for (;;) {
    const pid_t ended = check(waitpid(-1, &status, 0), "waitpid");
    if (ended == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

// The first process of the namespace only waits and collects: signals that end an ordinary process
// do not end it, and a test must be able to abort.
int be_init(const std::function<int()>& work) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  make_mounts();
  const pid_t worker = check(fork(), "fork");
  if (worker != 0) return status_of(worker);
  // Processes that lose their parent come to us: a test that leaves one behind is then seen.
  check(prctl(PR_SET_CHILD_SUBREAPER, 1), "become a reaper");
  // The only one of the three processes that ends in the ordinary way, with the leak check of the
  // sanitizers: the others have done nothing.
  std::exit(work());
}

int guarded(const std::function<int()>& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cannot make a private machine: %s\n", error.what());
    return 125;
  }
}

}  // namespace

void in_private_machine(const std::function<int()>& work) {
  const int status = guarded([&] {
    check(unshare(CLONE_NEWNS | CLONE_NEWPID), "unshare mount and process namespaces");
    const pid_t init = check(fork(), "fork");
    return init == 0 ? guarded([&] { return be_init(work); }) : status_of(init);
  });
  std::fflush(nullptr);
  _exit(status);
}

void wait_for_children() {
  while (waitpid(-1, nullptr, 0) > 0) {
  }
}

std::string why_not_root() {
  if (geteuid() != 0) return "needs root";
  const pid_t child = fork();
  if (child == 0) {
    const bool can = unshare(CLONE_NEWNS | CLONE_NEWPID) == 0 &&
                     mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                     mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr) == 0;
    _exit(can ? 0 : 1);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0)
    return "needs to mount a BPF file system in a mount namespace of its own";
  return "";
}

}  // namespace pinscope::test
