#include "plugin/kernel/mount/file_systems.h"

#include <linux/magic.h>

#include <algorithm>

namespace pinscope::kernel {
namespace {

struct FileSystem {
  std::string_view type;
  uint64_t magic;
};
constexpr FileSystem kLocal[] = {
    {"overlay", OVERLAYFS_SUPER_MAGIC},
    {"tmpfs", TMPFS_MAGIC},
    {"proc", PROC_SUPER_MAGIC},
    {"sysfs", SYSFS_MAGIC},
    {"cgroup2", CGROUP2_SUPER_MAGIC},
    {"cgroup", CGROUP_SUPER_MAGIC},
    {"devpts", DEVPTS_SUPER_MAGIC},
    {"devtmpfs", TMPFS_MAGIC},
    {"mqueue", 0x19800202},
    {"bpf", BPF_FS_MAGIC},
    {"ext4", EXT4_SUPER_MAGIC},
    {"ext3", EXT3_SUPER_MAGIC},
    {"ext2", EXT2_SUPER_MAGIC},
    {"xfs", XFS_SUPER_MAGIC},
    {"btrfs", BTRFS_SUPER_MAGIC},
    {"zfs", 0x2fc12fc1},
    {"f2fs", F2FS_SUPER_MAGIC},
    {"bcachefs", 0xca451a4e},
    {"ramfs", RAMFS_MAGIC},
    {"rootfs", RAMFS_MAGIC},
    {"hugetlbfs", HUGETLBFS_MAGIC},
    {"squashfs", SQUASHFS_MAGIC},
    {"erofs", EROFS_SUPER_MAGIC_V1},
    {"iso9660", ISOFS_SUPER_MAGIC},
    {"vfat", MSDOS_SUPER_MAGIC},
    {"nsfs", NSFS_MAGIC},
    {"securityfs", SECURITYFS_MAGIC},
    {"debugfs", DEBUGFS_MAGIC},
    {"tracefs", TRACEFS_MAGIC},
    {"configfs", 0x62656570},
    {"fusectl", 0x65735543},
    {"pstore", PSTOREFS_MAGIC},
    {"efivarfs", EFIVARFS_MAGIC},
    {"binfmt_misc", BINFMTFS_MAGIC},
    {"selinuxfs", SELINUX_MAGIC},
    {"resctrl", 0x7655821},
};

}  // namespace

bool is_local(std::string_view type) {
  return std::ranges::find(kLocal, type, &FileSystem::type) != std::end(kLocal);
}

bool is_local(uint64_t magic) {
  return std::ranges::find(kLocal, magic, &FileSystem::magic) != std::end(kLocal);
}

Mount::Leads leads_of(uint64_t magic) {
  switch (magic) {
    case CGROUP2_SUPER_MAGIC:
      return Mount::Leads::kToCgroups;
    case NSFS_MAGIC:
      return Mount::Leads::kToNamespace;
    case PROC_SUPER_MAGIC:
      return Mount::Leads::kToProcesses;
    default:
      return Mount::Leads::kNowhere;
  }
}

Mount::Leads leads_of(std::string_view type) {
  if (type == "cgroup2") return Mount::Leads::kToCgroups;
  if (type == "nsfs") return Mount::Leads::kToNamespace;
  return type == "proc" ? Mount::Leads::kToProcesses : Mount::Leads::kNowhere;
}

}  // namespace pinscope::kernel
