// What a process may do, as far as it decides about BPF objects: ids, capabilities, the namespaces
// in which these count, and whether a filter stands in front of its system calls.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"

namespace pinscope::kernel {

// Ids are as this process sees them, whatever user namespace the other one is in.
struct Credentials {
  pid_t pid = 0;
  uint32_t uid = 0;  // for file systems, as the group
  uint32_t gid = 0;
  std::vector<uint32_t> groups;
  // Real, effective and saved ids as well: each is its own whenever it wants.
  std::vector<uint32_t> uids;
  std::vector<uint32_t> gids;
  // // A bit for each CAP_ number: what the process has or may raise by itself, and what it may get
  // by executing a file. They count in its user namespace.
  uint64_t permitted = 0;
  uint64_t attainable = 0;
  // Otherwise a file with the set-user-ID bit may make it anybody.
  bool has_no_new_privileges = false;
  bool hosts_user_namespace = true;  // that of this process
  bool hosts_pid_namespace = true;   // likewise
  model::IdMap uid_map;              // of its user namespace; empty if that is the host's
  model::IdMap gid_map;
  // Nobody but the process itself and a debugger can tell what the filter lets through.
  bool has_seccomp_filter = false;
};

// Whether two processes may do the same.
bool is_same(const Credentials& left, const Credentials& right);

// What the text of /proc/PID/status says. Fields that are missing stay as they are.
void parse_status(std::string_view text, Credentials& credentials);

// Of its first thread, from /proc, of which `proc` is a descriptor. Errors are errno's: ENOENT or
// ESRCH if it has ended.
Result<Credentials> read_credentials(int proc, pid_t pid);

// One for each of its threads that may do something else than those before it: each has credentials
// of its own. Errors as above; the first thread may end before the others.
Result<std::vector<Credentials>> read_credentials_of_threads(int proc, pid_t pid);

}  // namespace pinscope::kernel
