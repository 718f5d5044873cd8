// Whose files this process makes, for a while: a file system that belongs to a user namespace holds
// the ids of that namespace only, and refuses what our root would make (EOVERFLOW, fs/namei.c
// may_create).
#pragma once

#include <cstdint>

#include "plugin/base/result.h"

namespace pinscope::kernel {

// Files belong to `uid` and `gid` (host ids) from here to give_back(), or to the end of this. The
// kernel takes the capabilities on files away meanwhile: see keep_file_capabilities() where they
// are needed.
class FileIds {
 public:
  FileIds(uint32_t uid, uint32_t gid);
  ~FileIds();
  FileIds(const FileIds&) = delete;
  FileIds& operator=(const FileIds&) = delete;

  // The kernel does not say whether it did as it was told, so this asks it.
  [[nodiscard]] Status taken() const;
  [[nodiscard]] Status give_back();

 private:
  uint32_t uid_;
  uint32_t gid_;
  bool given_back_ = false;
};

}  // namespace pinscope::kernel
