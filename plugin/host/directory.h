// A directory that is read entry by entry.
#pragma once

#include <dirent.h>

#include <string_view>

#include "plugin/base/fd.h"

namespace pinscope {

class Directory {
 public:
  // Takes the descriptor; reads from its start.
  explicit Directory(Fd fd) : stream_(::fdopendir(fd.get())) {
    if (stream_ != nullptr) (void)fd.release();
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    if (stream_ != nullptr) ::closedir(stream_);
  }

  // The next entry, never "." or ".."; null at the end, or where it cannot be read.
  const struct dirent* next() {
    while (stream_ != nullptr) {
      const struct dirent* entry = ::readdir(stream_);
      if (entry == nullptr) return nullptr;
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") return entry;
    }
    return nullptr;
  }
  [[nodiscard]] int fd() const { return stream_ == nullptr ? -1 : ::dirfd(stream_); }

 private:
  DIR* stream_;
};

}  // namespace pinscope
