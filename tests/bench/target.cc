#include "tests/bench/target.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "plugin/base/fd.h"
#include "plugin/base/text.h"

namespace pinscope::bench {
namespace {

struct Mount {
  const char* type;
  const char* path;
  unsigned long flags;
};

// What `runc spec` configures, in its order.
constexpr unsigned long kUsual = MS_NOSUID | MS_NOEXEC | MS_NODEV;
constexpr Mount kMounts[] = {
    {"proc", "/proc", 0},
    {"tmpfs", "/dev", MS_NOSUID | MS_STRICTATIME},
    {"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC},
    {"tmpfs", "/dev/shm", kUsual},
    {"mqueue", "/dev/mqueue", kUsual},
    {"sysfs", "/sys", kUsual | MS_RDONLY},
};

// The errno of what failed, 0 if nothing did.
int prepare(const std::string& rootfs) {
  if (::unshare(CLONE_NEWNS) != 0) return errno;
  if (::mount(nullptr, "/", nullptr, MS_SLAVE | MS_REC, nullptr) != 0) return errno;
  if (::mount(rootfs.c_str(), rootfs.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0)
    return errno;
  if (::mount(nullptr, rootfs.c_str(), nullptr, MS_PRIVATE, nullptr) != 0) return errno;
  for (const auto& mount : kMounts) {
    const std::string at = rootfs + mount.path;
    if (::mkdir(at.c_str(), 0755) != 0 && errno != EEXIST) return errno;
    if (::mount(mount.type, at.c_str(), mount.type, mount.flags, nullptr) != 0) return errno;
  }
  return 0;
}

}  // namespace

Result<Target> Target::start(const std::string& rootfs) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::unexpected(Error::system("make a pipe", errno));
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return std::unexpected(Error::system("start a container process", errno));
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int failed = prepare(rootfs);
    if (::write(writer.get(), &failed, sizeof failed) != sizeof failed || failed != 0) ::_exit(1);
    for (;;) ::pause();
  }
  Target target(pid, rootfs);
  writer.reset();
  int failed = EPIPE;
  if (::read(reader.get(), &failed, sizeof failed) != sizeof failed) failed = EPIPE;
  if (failed != 0)
    return std::unexpected(
        Error::system("prepare a root file system at " + quoted(rootfs), failed));
  return target;
}

Target::Target(Target&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), rootfs_(std::move(other.rootfs_)) {
}

Target::~Target() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string Target::view(const std::string& at) const {
  return "/proc/" + std::to_string(pid_) + "/root" + rootfs_ + at;
}

}  // namespace pinscope::bench
