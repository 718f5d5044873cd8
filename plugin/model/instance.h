// The file systems that a view is made of.
#pragma once

#include <cstdint>
#include <vector>

namespace pinscope::model {

// kDelegated: the bpffs that gives BPF tokens. It is no part of what is replaced when the view is.
enum class InstanceType { kBpf, kTmpfs, kFuse, kDelegated };

inline const char* name_of(InstanceType type) {
  switch (type) {
    case InstanceType::kBpf:
      return "bpf";
    case InstanceType::kTmpfs:
      return "tmpfs";
    case InstanceType::kFuse:
      return "fuse";
    case InstanceType::kDelegated:
      return "delegated";
  }
  return "";
}
// As the kernel calls it.
inline const char* file_system_of(InstanceType type) {
  return name_of(type == InstanceType::kDelegated ? InstanceType::kBpf : type);
}

// An instance, by the numbers with which it can be found in any mount namespace.
struct ViewInstance {
  InstanceType type = InstanceType::kBpf;
  uint32_t device_major = 0;  // of its superblock, as in st_dev and in mountinfo
  uint32_t device_minor = 0;
  bool sealed = false;  // the superblock is read-only
  // Ids of its mounts that were attached in the container. Above 2^31 they are statmount(2)'s,
  // which are given once (fs/namespace.c, MNT_UNIQUE_ID_OFFSET); below, on kernels before 6.8,
  // mountinfo's, which another mount may have once this one is gone.
  std::vector<uint64_t> mounts;
  friend bool operator==(const ViewInstance&, const ViewInstance&) = default;
};

}  // namespace pinscope::model
