// The owner of the files that this process makes, for a while: a file system that belongs to a user
// namespace holds the ids of that namespace only, and refuses what our root would make (EOVERFLOW,
// fs/namei.c may_create).
#pragma once

#include <cstdint>

#include "plugin/base/result.h"

namespace pinscope::kernel {

// New files belong to `uid` and `gid` (host ids) until give_back() or the end of this object. The
// kernel takes the capabilities on files away meanwhile: see keep_file_capabilities() where they
// are needed.
class FileIds {
 public:
  FileIds(uint32_t uid, uint32_t gid);
  ~FileIds();
  FileIds(const FileIds&) = delete;
  FileIds& operator=(const FileIds&) = delete;

  // Whether the kernel has changed the ids. setfsuid(2) does not say, so this asks again.
  [[nodiscard]] Status taken() const;
  [[nodiscard]] Status give_back();

 private:
  uint32_t uid_;
  uint32_t gid_;
  bool given_back_ = false;
};

}  // namespace pinscope::kernel
