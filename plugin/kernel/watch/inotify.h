// inotify(7) of directories that are open. On a bpffs it tells that a pin is made, removed, renamed
// or linked; it does not tell that a pin is opened (BPF_OBJ_GET), nor that something is mounted on
// the directory or in it, nor that one of several mounts of the file system is taken away.
#pragma once

#include <sys/inotify.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope::kernel {

class Inotify {
 public:
  struct Event {
    int watch = -1;  // as watch() gave it; -1: events were lost, of any directory
    uint32_t mask = 0;
    std::string_view name;  // of the entry
  };

  // kSystem: this user has too many of them (EMFILE), or /proc is not what it should be.
  static Result<Inotify> open();

  [[nodiscard]] int fd() const { return fd_.get(); }
  // What is told of a directory: which names are in it, or what their files hold as well.
  enum class What { kNames, kContents };
  // The same number for every way to one directory. ENOSPC: the user's limit of watches.
  [[nodiscard]] Result<int> watch(int directory, What what = What::kNames) const;
  // Nothing if the watch has ended by itself.
  void unwatch(int watch) const;

  // Gives `use` the events of one read. False if there was nothing to be read.
  template <typename Use>
  [[nodiscard]] bool read(Use&& use) const {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): read(2) fills what is looked at.
    alignas(inotify_event) std::array<char, kBytes> bytes;
    const ssize_t size = ::read(fd_.get(), bytes.data(), bytes.size());
    for (size_t at = 0; size > 0 && at < static_cast<size_t>(size);) {
      inotify_event header{};
      std::memcpy(&header, bytes.data() + at, sizeof header);
      const char* name = bytes.data() + at + sizeof header;
      use(Event{header.wd, header.mask, {name, ::strnlen(name, header.len)}});
      at += sizeof header + header.len;
    }
    return size > 0;
  }

 private:
  static constexpr size_t kBytes = size_t{32} << 10;
  explicit Inotify(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace pinscope::kernel
