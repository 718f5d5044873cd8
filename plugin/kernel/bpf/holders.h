// What the processes of the machine have: which mount namespaces they are in, and which BPF objects
// they hold open. From /proc, so only of processes that this one may look into; the others are
// counted.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/kernel/mount/namespaces.h"
#include "plugin/kernel/mount/open_mounts.h"
#include "plugin/model/object.h"

namespace pinscope::kernel {

struct Process {
  pid_t pid = 0;
  std::string command;  // /proc/PID/comm, which the process chooses
};

// An open descriptor of a BPF object.
struct HeldObject {
  pid_t pid = 0;
  model::ObjectIdentity object;
  bool for_writing = false;  // of a map; programs and links are always
};

struct Processes {
  std::vector<MountNamespace> namespaces;  // those with processes first, in the order of /proc
  // Of each namespace, in the same order: the processes in it. Empty for one that a process only
  // has open.
  std::vector<std::vector<pid_t>> members;
  std::vector<HeldObject> held;
  std::vector<Process> named;   // by pid: the first of each namespace, and those that hold objects
  std::vector<OpenFile> files;  // open files of any kind, where the kernel tells mounts by them
  size_t not_seen = 0;          // processes whose namespaces or descriptors could not be read

  [[nodiscard]] std::string command_of(pid_t pid) const;
};

// Errors are of /proc itself. Not seen: descriptors on their way through a socket or registered
// with io_uring, and maps that are only mapped into memory. `only`: the number of a mount
// namespace; of processes elsewhere, threads and descriptors are not looked at.
Result<Processes> look_at_processes(std::optional<uint64_t> only = std::nullopt);

}  // namespace pinscope::kernel
