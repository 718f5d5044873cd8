// What a runtime does to the container's mounts after its createRuntime hooks, and so after us: it
// covers each of linux.maskedPaths and makes each of linux.readonlyPaths read-only (runc:
// libcontainer/standard_init_linux.go, crun: libcrun_set_mounts in src/libcrun/linux.c). Everything
// else that they do by then adds nothing over a directory: mounts are there, with what tmpcopyup
// copies; the console is mounted on a file; other remounts take rights away from a mount only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/kernel/mount/container_root.h"

namespace pinscope::kernel {

class LaterMounts {
 public:
  // In the container's mount namespace, with the view in its place. `proc_self_fd`: see sys.h.
  LaterMounts(const ContainerRoot& root, int proc_self_fd)
      : root_(root), proc_self_fd_(proc_self_fd) {}

  // kTargetInvalid if a path of `masked` leads to `at`, above it or below it, or one of `read_only`
  // to it or above. Paths that lead nowhere are ignored, as runtimes do.
  [[nodiscard]] Status check(const std::string& at, const std::vector<std::string>& masked,
                             const std::vector<std::string>& read_only) const;
  // The same of a file system that is about to be attached at `at`, where looking for something
  // would wait for whoever serves it, as the runtime would: a path of `read_only` must not lead
  // there either. A path that leads nowhere now leads where it would.
  [[nodiscard]] Status check_ahead(const std::string& at, const std::vector<std::string>& masked,
                                   const std::vector<std::string>& read_only) const;

 private:
  // Where a path leads, as the kernel names it in this namespace; where it leads nowhere, nothing,
  // or where it would lead if what is missing were there.
  [[nodiscard]] Result<std::optional<std::string>> place_of(const std::string& path,
                                                            bool is_to_come = false) const;
  [[nodiscard]] Result<std::string> place_of_view(const std::string& at) const;
  [[nodiscard]] Result<std::string> name_of(int fd) const;

  const ContainerRoot& root_;
  int proc_self_fd_;
};

}  // namespace pinscope::kernel
