// What is mounted below a directory: asked by listmount(2) and statmount(2) where the kernel has
// them (Linux 6.8), read from mountinfo where it has not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/fd.h"
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
// The bpffs among them.
Result<std::vector<Mount>> read_bpf_mounts(const std::string& proc = "/proc/self");

// Where distributions mount the host's bpffs.
inline constexpr const char* kUsualBpffs = "/sys/fs/bpf";
// Where this process's namespace has a bpffs: at the usual place in any case, and wherever else.
std::vector<std::string> bpffs_places();

// The options of the superblock behind the mount that `mount` is on: the last field of its line in
// `mountinfo`, an open mountinfo file of a process in the mount's namespace.
Result<std::string> superblock_options(int mountinfo, int mount);

// The numbers by which the mount that `fd` is on can be found again: its id, and the device of its
// superblock. `has_unique_ids`: the kernel has statmount(2), and the id is unique.
struct MountAndDevice {
  uint64_t id = 0;
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
};
Result<MountAndDevice> identify_mount(int fd, bool has_unique_ids);

// Questions about the mounts around a descriptor, in the namespace of this process.
class MountTable {
 public:
  // `mountinfo`: an open mountinfo file of a process in that namespace, for kernels without
  // listmount; read again at each question.
  MountTable(bool list_mounts, int mountinfo) : list_mounts_(list_mounts), mountinfo_(mountinfo) {}

  // The mount that `fd` is on.
  [[nodiscard]] Result<Mount> of(int fd) const;
  // Whether `fd` is the root of the mount that it is on.
  [[nodiscard]] static Result<bool> is_mount_root(int fd);
  // Every bpffs mount whose ancestors include the mount that `fd` is on, without that mount itself;
  // with parent_is_shared. Takes one question for each mount, however they are nested.
  [[nodiscard]] Result<std::vector<Mount>> bpf_mounts_below(int fd) const;
  // The same, those that lead somewhere, and whether any mount there, that one included, may wait
  // for somebody else.
  struct Below {
    std::vector<Mount> bpf;
    std::vector<Mount> leading;  // cgroup (version 2), nsfs and proc file systems
    bool may_wait = false;
    void take(Mount mount);
  };
  [[nodiscard]] Result<Below> look_below(int fd) const;
  // One mount by its id.
  [[nodiscard]] Result<Mount> by_id(uint64_t id) const;
  // The id that this table uses for the mount that `fd` is on.
  [[nodiscard]] Result<uint64_t> id_of(int fd) const;

 private:
  [[nodiscard]] Result<std::vector<Mount>> read_mountinfo() const;
  bool list_mounts_;
  int mountinfo_;
};

}  // namespace pinscope::kernel
