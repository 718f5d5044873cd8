#include "tests/support/container_process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "plugin/base/fd.h"
#include "tests/support/check.h"

namespace pinscope::test {
namespace {

// The errno of what failed, 0 if nothing did.
int prepare(const std::string& rootfs) {
  const std::string sys = rootfs + "/sys";
  const std::string bpf = sys + "/fs/bpf";
  constexpr unsigned long kSysFlags = MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY;
  const bool done =
      unshare(CLONE_NEWNS) == 0 && mount(nullptr, "/", nullptr, MS_SLAVE | MS_REC, nullptr) == 0 &&
      mount(rootfs.c_str(), rootfs.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0 &&
      mount(nullptr, rootfs.c_str(), nullptr, MS_PRIVATE, nullptr) == 0 &&
      mount("sysfs", sys.c_str(), "sysfs", kSysFlags, nullptr) == 0 &&
      mount("/sys/fs/bpf", bpf.c_str(), nullptr, MS_BIND, nullptr) == 0;
  return done ? 0 : errno;
}

}  // namespace

ContainerProcess::ContainerProcess(std::string rootfs) : rootfs_(std::move(rootfs)) {
  int ends[2];
  check(pipe2(ends, O_CLOEXEC), "pipe2");
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  pid_ = check(fork(), "fork");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int failed = prepare(rootfs_);
    if (write(writer.get(), &failed, sizeof(failed)) != sizeof(failed)) _exit(1);
    for (;;) pause();
  }
  writer.reset();
  int failed = EPIPE;
  if (read(reader.get(), &failed, sizeof(failed)) != sizeof(failed)) failed = EPIPE;
  errno = failed;
  check(failed == 0 ? 0 : -1, "prepare a container at " + rootfs_);
}

ContainerProcess::~ContainerProcess() {
  end();
}

void ContainerProcess::end() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string ContainerProcess::path(const std::string& inside) const {
  return "/proc/" + std::to_string(pid_) + "/root" + rootfs_ + inside;
}

std::vector<std::string> ContainerProcess::mounts() const {
  std::vector<std::string> lines;
  std::ifstream file("/proc/" + std::to_string(pid_) + "/mountinfo");
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

}  // namespace pinscope::test
