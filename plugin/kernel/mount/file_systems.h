// What is known of a file system by its type, as mountinfo names it, or by its superblock's magic
// number, which statmount(2) tells.
#pragma once

#include <cstdint>
#include <string_view>

#include "plugin/kernel/mount/mountinfo.h"

namespace pinscope::kernel {

// Whether it answers by itself: from memory, from a disk, or out of the kernel. Any other one may
// wait: FUSE, NFS, CIFS, 9p, Ceph, autofs, and what is not known here. An overlay answers as its
// layers do; those are the engine's.
bool is_local(std::string_view type);
bool is_local(uint64_t magic);

// What the descriptors of its files lead to. Version 1 of cgroups takes no programs.
Mount::Leads leads_of(std::string_view type);
Mount::Leads leads_of(uint64_t magic);

}  // namespace pinscope::kernel
