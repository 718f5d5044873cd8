// What is mounted below a directory: asked by listmount(2) and statmount(2) where the kernel has
// them (Linux 6.8), read from mountinfo where it has not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/kernel/mount/mountinfo.h"

namespace pinscope::kernel {

// The numbers by which the mount that `fd` is on can be found again: its id, and the device of its
// superblock. `has_unique_ids`: the kernel has statmount(2), and the id is unique.
struct MountAndDevice {
  uint64_t id = 0;
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
};
Result<MountAndDevice> identify_mount(int fd, bool has_unique_ids);

// Whether two places of this process's namespace are on different mounts, which are asked and their
// file systems are not. False if one of them is not there, true where it cannot be told.
bool are_on_different_mounts(const std::string& one, const std::string& other);

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
  bool list_mounts_;
  int mountinfo_;
};

}  // namespace pinscope::kernel
