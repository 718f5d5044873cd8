// A container as far as the hook needs one, without a runtime: a process in a mount namespace of
// its own with a root file system mounted on itself, as runc and crun leave it in front of their
// hooks. Quick enough to make one for each injected failure.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {

class ContainerProcess {
 public:
  // `rootfs` is a directory; a sysfs and, at /sys/fs/bpf, this machine's own bpffs are mounted in
  // it. kUserNamespace: in a user namespace as well, whose root is this machine's id 100000.
  enum class Kind { kPlain, kUserNamespace };
  explicit ContainerProcess(std::string rootfs, Kind kind = Kind::kPlain);
  ~ContainerProcess();
  ContainerProcess(const ContainerProcess&) = delete;
  ContainerProcess& operator=(const ContainerProcess&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  // A path of the container, as this process can open it.
  [[nodiscard]] std::string path(const std::string& inside) const;
  // The lines of its mount table.
  [[nodiscard]] std::vector<std::string> mounts() const;
  // Ends the process, and its mount namespace with it.
  void end();

 private:
  std::string rootfs_;
  pid_t pid_ = -1;
};

}  // namespace pinscope::test
