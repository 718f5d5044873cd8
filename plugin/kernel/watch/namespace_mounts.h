// The mounts of a mount namespace by its id (Linux 6.11), without being in it or keeping it. Waits
// for no file system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope::kernel {

struct AttachedMount {
  uint64_t id = 0;  // unique, as of statmount(2)
  bool is_bpf = false;
  std::string mount_point;  // as seen from the namespace's root; empty if it is too long
};

// The id of the mount namespace that a process is in, by its pidfd, and the namespace, open.
// Nothing if the process has ended, or before Linux 6.11.
struct OpenNamespace {
  Fd fd = {};
  uint64_t id = 0;
};
std::optional<OpenNamespace> mount_namespace_of(int process);

// The ids of its mounts, in ascending order, and not many more than `most` of them. ENOENT if it
// has ended.
Result<std::vector<uint64_t>> mount_ids(uint64_t space, size_t most);

// Nothing if it is gone.
std::optional<AttachedMount> describe_mount(uint64_t space, uint64_t id);

}  // namespace pinscope::kernel
