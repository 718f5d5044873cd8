// The container's process: held by a pidfd, so that nothing here ever speaks of another process
// that got the same number.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/model/container.h"

namespace pinscope::kernel {

class ContainerProcess {
 public:
  // kProcessGone if it has ended.
  static Result<ContainerProcess> open(pid_t pid);

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Field 22 of /proc/PID/stat: with the pid it names one process since boot.
  [[nodiscard]] uint64_t start_time() const { return start_time_; }
  // The pidfd that it is held by.
  [[nodiscard]] int descriptor() const { return pidfd_.get(); }
  // Inode number of its mount namespace.
  [[nodiscard]] uint64_t mount_namespace() const { return mount_namespace_; }
  // Whether its mount namespace is ours or that of process 1, both of which are the host's.
  [[nodiscard]] bool shares_our_mount_namespace() const { return shares_mount_namespace_; }
  [[nodiscard]] bool shares_our_user_namespace() const { return shares_user_namespace_; }

  // /proc/PID/uid_map and gid_map; empty if it shares our user namespace.
  [[nodiscard]] Result<model::IdMap> uid_map() const;
  [[nodiscard]] Result<model::IdMap> gid_map() const;

  // The user namespace that owns its mount namespace: by its ids go the owners of files there, and
  // the process may have gone to one of its own making.
  enum class MountOwner { kItsUserNamespace, kOurs, kAnother };
  [[nodiscard]] Result<MountOwner> mount_owner() const;

  // Whether its namespace of this kind is the one that `path` names on the host.
  [[nodiscard]] bool namespace_is(model::NamespaceKind kind, const std::string& path) const;

  // The number of its namespace of this kind, which no other namespace of the machine has; 0 if it
  // has ended.
  [[nodiscard]] uint64_t namespace_number(model::NamespaceKind kind) const;

  // The program that it runs, by its first argument, which the process itself may change:
  // "runsc-sandbox".
  [[nodiscard]] std::string program_name() const;

  // /proc/PID/mountinfo, open for reading.
  [[nodiscard]] Result<Fd> mountinfo() const;

  // Moves this (single-threaded) process into its mount namespace; there is no way back. Root and
  // working directory become the namespace's root. kProcessGone if it has ended by now.
  [[nodiscard]] Status enter_mount_namespace() const;

  // Moves this process into its cgroup namespace, which only changes how the kernel shows us the
  // roots of cgroup file systems.
  [[nodiscard]] Status enter_cgroup_namespace() const;

  // Moves this process into its user namespace, with every capability there and none elsewhere, and
  // its mount namespace. For a process that has nothing else to do.
  [[nodiscard]] Status enter_user_and_mount_namespaces() const;

 private:
  ContainerProcess() = default;
  pid_t pid_ = 0;
  Fd pidfd_;
  Fd proc_;  // /proc/PID
  uint64_t start_time_ = 0;
  uint64_t mount_namespace_ = 0;
  bool shares_mount_namespace_ = false;
  bool shares_user_namespace_ = false;
};

// Start time of the process that has the number `pid` now, or 0 if there is none or it is a zombie.
// Tells whether the process of a record is gone.
uint64_t process_start_time(pid_t pid);

// Whether the process `pid` that started at `start_time` (0: not known) has certainly ended. False
// if /proc may hide it (hidepid), as it often does from processes without capabilities.
bool has_ended(pid_t pid, uint64_t start_time);

// Waits up to `time` for the process `pid`, which need not be a child, and says whether it has
// ended.
bool ends_within(pid_t pid, std::chrono::milliseconds time);

// Whether two paths name the same namespace.
bool same_namespace(const std::string& left, const std::string& right);

// Inode number of the calling process's namespace of this kind, or 0.
uint64_t own_namespace(model::NamespaceKind kind);

}  // namespace pinscope::kernel
