// The bpffs mounts of mount namespaces that this process is not in.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/kernel/mount/mountinfo.h"

namespace pinscope::kernel {

// A mount namespace, and how to get at it.
struct MountNamespace {
  uint64_t number = 0;  // the inode that /proc/PID/ns/mnt leads to; 0: none, `path` is of a
                        // directory on a mount that is attached nowhere
  std::string path;     // in /proc, of a file that is it: "42/ns/mnt", "42/fd/7"
  std::string process;  // in /proc, of a process or thread in it; empty if none was found
};

// That of a process, by a thread of it that lives. `number`: of the namespace.
MountNamespace mount_namespace_of(pid_t pid, uint64_t number);

// Opens the namespace by way of `proc`, a descriptor of /proc; kProcessGone if `path` leads to
// another one by now.
Result<Fd> open_namespace(int proc, const MountNamespace& space);

// A number that no other namespace has, or gets when it is gone; before Linux 6.11 the namespace's
// own, which the kernel gives again. 0 if there is no such namespace any more.
uint64_t lasting_number(int proc, const MountNamespace& space);

// Mount namespaces that nothing in /proc leads to, held open by this process.
struct KeptNamespaces {
  std::vector<MountNamespace> spaces;  // by way of this process: "self/fd/7"
  std::vector<Fd> descriptors;
  bool is_full = false;  // there are more, and not that many descriptors for them
};

// Those of the machine that `is_known` does not know, by number: what only a mount keeps, such as
// after `unshare --mount=FILE true`. From the kernel's own list (Linux 6.12), which it shows to
// CAP_SYS_ADMIN in the initial user and PID namespaces. Nothing otherwise.
//
// listns(2) (Linux 6.19) lists the same to the same processes, but gives ids, and each is to be
// opened by open_by_handle_at(2) then.
KeptNamespaces other_namespaces(const std::function<bool(uint64_t)>& is_known);

// Whether what the process has for "/" is the root of its mount namespace, and not a directory that
// it went to by chroot(2). True where the kernel does not tell (before Linux 6.11).
bool has_root_of_namespace(int proc, const MountNamespace& space, pid_t pid);

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
