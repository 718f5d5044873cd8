// The bpffs mounts of mount namespaces that this process is not in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/kernel/mount/mountinfo.h"

namespace pinscope::kernel {

// A mount namespace, and how to get at it.
struct MountNamespace {
  uint64_t number = 0;  // the inode that /proc/PID/ns/mnt leads to
  std::string path;     // in /proc, of a file that is it: "42/ns/mnt", "42/fd/7"
  std::string process;  // in /proc, of a process or thread in it; empty if none was found
};

// Opens the namespace by way of `proc`, a descriptor of /proc; kProcessGone if `path` leads to
// another one by now.
Result<Fd> open_namespace(int proc, const MountNamespace& space);

// Its bpffs mounts: from listmount(2) and statmount(2), which show all of them and know namespaces
// since Linux 6.11; from mountinfo before. Needs CAP_SYS_ADMIN in the namespace's user namespace.
// Waits for no file system.
Result<std::vector<BpffsMount>> bpffs_mounts_of(int proc, const MountNamespace& space);

// Opens what a bpffs mount shows: a directory, or one pin (O_PATH). Moves this process, which must
// have one thread, into the namespace, where "/" is the namespace's root then, whatever a process
// in it has made its own. kTargetInvalid if something covers the mount. What is on the way may
// never answer.
Result<Fd> open_bpffs(int proc, const MountNamespace& space, const BpffsMount& mount);

}  // namespace pinscope::kernel
