// bpffs mounts that were detached lazily (`umount -l`) and to which descriptors lead. The kernel
// tells of them by descriptor only (STATMOUNT_BY_FD, Linux 7.0). Of one that is not attached yet it
// does not (ENOENT, tried on 7.3).
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "plugin/kernel/mount/mountinfo.h"

namespace pinscope::kernel {

// A descriptor of a file, which may be on any file system.
struct OpenFile {
  pid_t pid = 0;     // of a process that has it
  std::string path;  // in /proc: "42/fd/7"
};

struct OpenMount {
  OpenFile file;     // a directory
  BpffsMount mount;  // `root` is what the descriptor shows of its file system; at no mount point
};

struct OpenMounts {
  std::vector<OpenMount> mounts;      // each once
  std::vector<std::string> not_seen;  // descriptors that could not be asked, and why
};

// Whether this kernel tells of a mount by a descriptor.
bool tells_mounts_by_descriptor();

// The mounts behind these files that `is_known` does not know by their id. The files of a process
// follow each other. A child looks: to open a descriptor of a network's file may take for ever.
// This process must have one thread.
OpenMounts open_bpffs_mounts(int proc, const std::vector<OpenFile>& files,
                             const std::function<bool(uint64_t)>& is_known);

}  // namespace pinscope::kernel
