// The file systems that a view is made of.
#pragma once

#include <cstdint>
#include <vector>

namespace pinscope::model {

enum class InstanceType { kBpf, kTmpfs };

inline const char* name_of(InstanceType type) {
  switch (type) {
    case InstanceType::kBpf:
      return "bpf";
    case InstanceType::kTmpfs:
      return "tmpfs";
  }
  return "";
}

// The numbers that tell a mount from others.
struct MountIdentity {
  uint64_t id = 0;         // of mountinfo; another mount may have it once this one is gone
  uint64_t unique_id = 0;  // of statmount(2), for this mount only; 0 before Linux 6.8
  friend bool operator==(const MountIdentity&, const MountIdentity&) = default;
};

// An instance, by the numbers with which it can be found in any mount namespace.
struct ViewInstance {
  InstanceType type = InstanceType::kBpf;
  uint32_t device_major = 0;  // of its superblock, as in st_dev and in mountinfo
  uint32_t device_minor = 0;
  bool sealed = false;                // the superblock is read-only
  std::vector<MountIdentity> mounts;  // that were attached in the container
  friend bool operator==(const ViewInstance&, const ViewInstance&) = default;
};

}  // namespace pinscope::model
