// Kernel interfaces that are newer than the headers of the oldest distribution we build on (Debian
// 12: Linux 6.1 headers): numbers, flags and structs, each with the release that brought it. They
// are ABI and do not change.
#pragma once

#include <linux/types.h>

#include <cstdint>

namespace pinscope::kernel::uapi {

// BPF_OBJ_PIN, BPF_OBJ_GET: path_fd is a directory descriptor (Linux 6.5, commit cb8edce28073).
inline constexpr uint32_t kBpfPathFd = 1U << 14;

// include/uapi/linux/bpf.h, the part of union bpf_attr that BPF_OBJ_* use.
struct BpfObjAttr {
  uint64_t pathname;
  uint32_t bpf_fd;
  uint32_t file_flags;
  int32_t path_fd;
  uint32_t padding;
};

// statmount(2), listmount(2): Linux 6.8. The number is the same on every architecture.
inline constexpr long kSysStatmount = 457;
inline constexpr long kSysListmount = 458;

struct MntIdReq {
  uint32_t size;
  uint32_t descriptor;  // with kStatmountByFd; 0 otherwise
  uint64_t mnt_id;
  uint64_t param;
};
inline constexpr uint32_t kMntIdReqSize0 = 24;  // MNT_ID_REQ_SIZE_VER0
// The same with the id of another mount namespace (Linux 6.11), which kNsGetMntNsId tells.
struct MntIdReqOfNamespace {
  MntIdReq request;
  uint64_t mnt_ns_id;
};
inline constexpr uint32_t kMntIdReqSize1 = 32;              // MNT_ID_REQ_SIZE_VER1
inline constexpr uint64_t kListmountRoot = ~0ULL;           // LSMT_ROOT
inline constexpr unsigned long kNsGetMntNsId = 0x8008b705;  // NS_GET_MNTNS_ID, Linux 6.11

// NS_MNT_GET_NEXT, NS_MNT_GET_PREV, Linux 6.12: opens the mount namespace behind and in front of
// this one, in the kernel's own list of all.
struct MntNsInfo {
  uint32_t size;
  uint32_t nr_mounts;
  uint64_t mnt_ns_id;
};
inline constexpr unsigned long kNsMntGetNext = 0x8010b70b;
inline constexpr unsigned long kNsMntGetPrev = 0x8010b70c;

inline constexpr unsigned kStatmountByFd = 1;  // STATMOUNT_BY_FD, a flag of statmount: Linux 7.0

inline constexpr uint64_t kStatmountSbBasic = 0x1;
inline constexpr uint64_t kStatmountMntBasic = 0x2;
inline constexpr uint64_t kStatmountMntRoot = 0x8;
inline constexpr uint64_t kStatmountMntPoint = 0x10;
inline constexpr uint64_t kStatmountMntOpts = 0x80;  // Linux 6.11

// struct statmount up to the string area, as of Linux 6.8; later fields were carved out of the
// spare.
struct Statmount {
  uint32_t size;
  uint32_t mnt_opts;
  uint64_t mask;
  uint32_t sb_dev_major;
  uint32_t sb_dev_minor;
  uint64_t sb_magic;
  uint32_t sb_flags;
  uint32_t fs_type;
  uint64_t mnt_id;
  uint64_t mnt_parent_id;
  uint32_t mnt_id_old;
  uint32_t mnt_parent_id_old;
  uint64_t mnt_attr;
  uint64_t mnt_propagation;
  uint64_t mnt_peer_group;
  uint64_t mnt_master;
  uint64_t propagate_from;
  uint32_t mnt_root;   // offset into str
  uint32_t mnt_point;  // offset into str
  uint64_t spare[50];
  char str[1];  // really a flexible array
};

// move_mount(2): MOVE_MOUNT_BENEATH, Linux 6.5.
inline constexpr unsigned kMoveMountBeneath = 0x200;

// setxattrat(2), getxattrat(2): Linux 6.13, include/uapi/linux/xattr.h.
inline constexpr long kSysSetxattrat = 463;
inline constexpr long kSysGetxattrat = 464;
struct XattrArgs {
  uint64_t value;
  uint32_t size;
  uint32_t flags;
};

// statx(2): the mount id that is never used again (Linux 6.8).
inline constexpr unsigned kStatxMntIdUnique = 0x4000;

}  // namespace pinscope::kernel::uapi
