// A container that is about to start, as the hook meets it: a process that waits in its own mount
// namespace, with the host's tree still at / and a prepared root file system, as runc leaves it in
// front of its createRuntime hooks. One for each measured run; making and ending it is not
// measured.
#pragma once

#include <sys/types.h>

#include <string>

#include "plugin/base/result.h"

namespace pinscope::bench {

class Target {
 public:
  // `rootfs` is an absolute path to a directory that has proc, sys and dev.
  static Result<Target> start(const std::string& rootfs);

  Target(Target&& other) noexcept;
  Target& operator=(Target&&) = delete;
  ~Target();  // ends the process, and with it the namespace and all mounts in it

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Absolute path of the view, as the host can look at it through /proc.
  [[nodiscard]] std::string view(const std::string& at) const;

 private:
  Target(pid_t pid, std::string rootfs) : pid_(pid), rootfs_(std::move(rootfs)) {}
  pid_t pid_;
  std::string rootfs_;
};

}  // namespace pinscope::bench
