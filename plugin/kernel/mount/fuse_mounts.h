// The FUSE mounts of mount namespaces that this process is not in.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/kernel/mount/namespaces.h"

namespace pinscope::kernel {

// Those without a subtype, as bpffs_mounts_of() lists those of bpffs. Asks nobody who serves them.
Result<std::vector<BpffsMount>> fuse_mounts_of(int proc, const MountNamespace& space);

// Those of one type of file system that a process sees, from its mountinfo. `process`: its
// directory in /proc, of which `proc` is a descriptor.
Result<std::vector<BpffsMount>> read_mounts_of_type(int proc, const std::string& process,
                                                    const std::string& type);

}  // namespace pinscope::kernel
