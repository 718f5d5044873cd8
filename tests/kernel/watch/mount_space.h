// A process in a mount namespace of its own, and mounts that somebody makes in it.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <stdexcept>
#include <string>

#include "plugin/base/fd.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {

class MountSpace {
 public:
  // kFollower: gets what is mounted on shared mounts of this machine, as a container does in a
  // volume of propagation rslave. kUser: in a user namespace of its own, too, whose root may mount
  // there.
  enum class Kind { kPlain, kFollower, kUser };
  explicit MountSpace(Kind kind = Kind::kPlain) {
    int ends[2];
    check(::pipe2(ends, O_CLOEXEC), "pipe");
    const Fd to_hear(ends[0]);
    Fd to_tell(ends[1]);
    pid_ = check(::fork(), "fork");
    if (pid_ == 0) {
      const int flags = CLONE_NEWNS | (kind == Kind::kUser ? CLONE_NEWUSER : 0);
      const unsigned long propagation = kind == Kind::kFollower ? MS_SLAVE : MS_PRIVATE;
      const bool is_made = ::unshare(flags) == 0 &&
                           ::mount(nullptr, "/", nullptr, MS_REC | propagation, nullptr) == 0;
      [[maybe_unused]] const auto told = ::write(to_tell.get(), is_made ? "y" : "n", 1);
      for (;;) ::pause();
    }
    to_tell.reset();
    char answer = 0;
    check(::read(to_hear.get(), &answer, 1), "wait for the process");
    if (answer != 'y') throw std::runtime_error("no mount namespace");
  }
  MountSpace(const MountSpace&) = delete;
  MountSpace& operator=(const MountSpace&) = delete;
  ~MountSpace() { end(); }

  [[nodiscard]] pid_t pid() const { return pid_; }
  void end() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  // Does `work` in the namespace, in a process that ends then. False if it said so.
  [[nodiscard]] bool run(const std::function<bool()>& work) const {
    const pid_t child = check(::fork(), "fork");
    if (child == 0) {
      const std::string path = "/proc/" + std::to_string(pid_) + "/ns/mnt";
      const Fd space(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      ::_exit(::setns(space.get(), CLONE_NEWNS) == 0 && work() ? 0 : 1);
    }
    int status = 0;
    check(::waitpid(child, &status, 0), "waitpid");
    return status == 0;
  }
  [[nodiscard]] bool mount(const char* type, const std::string& at, int times = 1) const {
    return run([&] {
      bool is_done = true;
      for (int i = 0; i < times; ++i)
        is_done = ::mount(type, at.c_str(), type, 0, nullptr) == 0 && is_done;
      return is_done;
    });
  }
  [[nodiscard]] bool unmount(const std::string& at) const {
    return run([&] { return ::umount2(at.c_str(), MNT_DETACH) == 0; });
  }
  // Mounts and unmounts, again and again.
  [[nodiscard]] bool churn(const std::string& at, int times) const {
    return run([&] {
      for (int i = 0; i < times; ++i)
        if (::mount("tmpfs", at.c_str(), "tmpfs", 0, nullptr) != 0 || ::umount2(at.c_str(), 0) != 0)
          return false;
      return true;
    });
  }

 private:
  pid_t pid_ = -1;
};

}  // namespace pinscope::test
