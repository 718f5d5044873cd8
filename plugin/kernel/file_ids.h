// Whose files this process makes, for a while: a file system that belongs to a user namespace holds
// the ids of that namespace only, and refuses what our root would make (EOVERFLOW, fs/namei.c
// may_create).
#pragma once

#include <cstdint>

namespace pinscope::kernel {

// Files belong to `uid` and `gid` (host ids) as long as this lives; afterwards to root. The kernel
// takes the capabilities on files away meanwhile: see keep_file_capabilities() where they are
// needed.
class FileIds {
 public:
  FileIds(uint32_t uid, uint32_t gid);
  ~FileIds();
  FileIds(const FileIds&) = delete;
  FileIds& operator=(const FileIds&) = delete;
};

}  // namespace pinscope::kernel
