#include "plugin/kernel/watch/inotify.h"

#include <cerrno>
#include <string>

#include "plugin/kernel/sys.h"

namespace pinscope::kernel {

Result<Inotify> Inotify::open() {
  PINSCOPE_TRY([[maybe_unused]] const Fd checked, open_descriptor_directory());
  Fd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd.valid())
    return std::unexpected(
        Error::system("watch directories", errno).hint("fs.inotify.max_user_instances"));
  return Inotify(std::move(fd));
}

// inotify takes paths only. The magic link leads to the directory that is open, whatever is mounted
// on it by now.
Result<int> Inotify::watch(int directory, What what) const {
  constexpr uint32_t kWhatChangesNames = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
  constexpr uint32_t kWhatChangesFiles = IN_CLOSE_WRITE | IN_ATTRIB;
  const uint32_t events = kWhatChangesNames | (what == What::kContents ? kWhatChangesFiles : 0);
  const std::string link = "/proc/self/fd/" + std::to_string(directory);
  const int watch = ::inotify_add_watch(fd_.get(), link.c_str(), events | IN_ONLYDIR);
  if (watch < 0) return std::unexpected(Error::system("watch a directory", errno));
  return watch;
}

void Inotify::unwatch(int watch) const {
  ::inotify_rm_watch(fd_.get(), watch);
}

}  // namespace pinscope::kernel
