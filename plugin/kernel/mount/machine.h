// The machine's own mount namespace, which is that of process 1: a path in a policy is a path
// there, wherever the program that reads the policy was started. A login session has mounts of its
// own, among them a view over /sys/fs/bpf, and whoever becomes another user or starts an engine in
// it is still in the session.
#pragma once

#include <string>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope::kernel {

// For openat2(2): open_resolved(root.directory(), root.path("/sys/fs/bpf"), …).
class MachineRoot {
 public:
  // kHostNamespace if root cannot get there. A plain user, who is told nothing of process 1, gets
  // what they see.
  static Result<MachineRoot> find();

  [[nodiscard]] int directory() const;
  // `absolute` as it is resolved from directory().
  [[nodiscard]] std::string path(std::string absolute) const;
  // The directory in /proc of a process in that namespace.
  [[nodiscard]] const char* proc() const;

 private:
  explicit MachineRoot(Fd elsewhere) : elsewhere_(std::move(elsewhere)) {}
  Fd elsewhere_;  // none: this process is in that namespace
};

}  // namespace pinscope::kernel
