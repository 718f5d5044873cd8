// The mounts of a namespace, as /proc/PID/mountinfo lists them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::kernel {

// One mount of a mount namespace. Ids are unique ones from statmount, or reusable ones from
// mountinfo: compare only what one MountTable gave you.
struct Mount {
  uint64_t id = 0;
  uint64_t parent = 0;
  bool is_bpf = false;
  bool is_tmpfs = false;
  bool is_shared = false;         // changes below it propagate to its peers
  uint64_t peer_group = 0;        // with whom it shares them; 0: with nobody
  bool parent_is_shared = false;  // the same of the mount that it is on; see bpf_mounts_below()
  // Its file system may wait for another program or machine, which may never answer.
  bool may_wait = false;
  // What the descriptors of its files lead to, if to more than files.
  enum class Leads { kNowhere, kToCgroups, kToNamespace, kToProcesses } leads = Leads::kNowhere;
  [[nodiscard]] bool leads_anywhere() const { return leads != Leads::kNowhere; }
  std::string mount_point;  // as seen from the namespace's root; control characters unescaped
  std::string root;         // the part of its file system that it shows, "/" for all of it
};

// The lines of a mountinfo file (proc(5)). Malformed lines are left out.
std::vector<Mount> parse_mountinfo(std::string_view text);
// The mounts of the namespace that a process is in, from its directory in /proc: "/proc/42".
Result<std::vector<Mount>> read_mounts(const std::string& proc = "/proc/self");
// The same, from an open mountinfo file, whose start is looked for.
Result<std::vector<Mount>> read_mounts(int mountinfo);
// The bpffs among them.
Result<std::vector<Mount>> read_bpf_mounts(const std::string& proc = "/proc/self");

// A bpffs mount of any namespace, with what tells instances of the file system apart.
struct BpffsMount {
  uint64_t id = 0;  // as in Mount
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  bool is_sealed = false;     // the superblock is read-only
  bool is_read_only = false;  // this mount is
  std::string mount_point;    // as seen from the namespace's root
  std::string root;           // the part of the file system that it shows
  std::string options;        // of the superblock: "mode=700,delegate_cmds=any"
};
// Those among the lines of a mountinfo file.
std::vector<BpffsMount> parse_bpffs_mounts(std::string_view text);
// Those that a process sees, which are a part of its namespace's if it is in a chroot. `process`:
// its directory in /proc, of which `proc` is a descriptor.
Result<std::vector<BpffsMount>> read_bpffs_mounts(int proc, const std::string& process);

// Where distributions mount the host's bpffs.
inline constexpr const char* kUsualBpffs = "/sys/fs/bpf";
// Where this process's namespace has a bpffs: at the usual place in any case, and wherever else.
std::vector<std::string> bpffs_places();

// A superblock that is mounted somewhere in a namespace.
struct Superblock {
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  std::string type;
  bool read_only = false;
};
// One for each line of a mountinfo file, so that one superblock may come several times.
std::vector<Superblock> parse_superblocks(std::string_view text);
// Those in the namespace that a process is in, from its directory in /proc: "/proc/42".
Result<std::vector<Superblock>> read_superblocks(const std::string& proc);

// The options of the superblock behind the mount that `mount` is on: the last field of its line in
// `mountinfo`, an open mountinfo file of a process in the mount's namespace.
Result<std::string> superblock_options(int mountinfo, int mount);

}  // namespace pinscope::kernel
