// What statmount(2) says of a bpffs mount, for the files of this folder.
#pragma once

#include <climits>
#include <cstdint>

#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/kernel/uapi.h"

namespace pinscope::kernel {

struct MountAnswer {
  uapi::Statmount header;
  char rest[3 * PATH_MAX];
};

inline constexpr uint64_t kAllOfMount = uapi::kStatmountSbBasic | uapi::kStatmountMntBasic |
                                        uapi::kStatmountMntPoint | uapi::kStatmountMntRoot |
                                        uapi::kStatmountMntOpts;

// Of an answer that has all of it; a mount that is attached nowhere has no mount point.
BpffsMount mount_of(const MountAnswer& answer);

}  // namespace pinscope::kernel
