#include "tests/support/container/container_process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "plugin/base/fd.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

// The errno of what failed, 0 if nothing did.
int prepare(const std::string& rootfs) {
  const std::string sys = rootfs + "/sys";
  const std::string bpf = sys + "/fs/bpf";
  constexpr unsigned long kSysFlags = MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY;
  const bool done =
      mount(nullptr, "/", nullptr, MS_SLAVE | MS_REC, nullptr) == 0 &&
      mount(rootfs.c_str(), rootfs.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0 &&
      mount(nullptr, rootfs.c_str(), nullptr, MS_PRIVATE, nullptr) == 0 &&
      mount("sysfs", sys.c_str(), "sysfs", kSysFlags, nullptr) == 0 &&
      mount("/sys/fs/bpf", bpf.c_str(), nullptr, MS_BIND, nullptr) == 0;
  return done ? 0 : errno;
}

}  // namespace

ContainerProcess::ContainerProcess(std::string rootfs, Kind kind) : rootfs_(std::move(rootfs)) {
  int ends[2];
  check(pipe2(ends, O_CLOEXEC), "pipe2");
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  check(pipe2(ends, O_CLOEXEC), "pipe2");
  const Fd mapped(ends[0]);
  Fd map(ends[1]);
  const bool is_user = kind == Kind::kUserNamespace;
  pid_ = check(fork(), "fork");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // A sysfs may be mounted by whoever owns the network namespace.
    int failed = unshare(is_user ? CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET : CLONE_NEWNS) == 0
                     ? 0
                     : errno;
    if (write(writer.get(), &failed, sizeof(failed)) != sizeof(failed)) _exit(1);
    map.reset();
    char byte = 0;
    if (read(mapped.get(), &byte, 1) < 0) _exit(1);  // until the other end is closed
    failed = prepare(rootfs_);
    if (write(writer.get(), &failed, sizeof(failed)) != sizeof(failed)) _exit(1);
    for (;;) pause();
  }
  writer.reset();
  const auto hear = [&] {
    int failed = EPIPE;
    if (read(reader.get(), &failed, sizeof(failed)) != sizeof(failed)) failed = EPIPE;
    errno = failed;
    check(failed == 0 ? 0 : -1, "prepare a container at " + rootfs_);
  };
  hear();
  if (is_user)
    for (const char* name : {"/uid_map", "/gid_map"})
      std::ofstream("/proc/" + std::to_string(pid_) + name) << "0 100000 65536";
  map.reset();
  hear();
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
