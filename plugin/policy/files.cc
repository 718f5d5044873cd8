#include "plugin/policy/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"

namespace pinscope::policy {
namespace {

constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";
constexpr uint64_t kSecond = 1'000'000'000;  // in nanoseconds
// File systems whose times this kernel keeps, finely, on the machine's own disks (statfs(2)). Left
// out on purpose: overlay shows the times of a layer, which may be an image; tmpfs and ramfs are
// filled anew with the same inode numbers; those of networks and FUSE are kept by somebody else.
constexpr uint64_t kKeepTimes[] = {
    0xef53,      // ext4; ext2 and ext3, where the time says it is fine enough
    0x58465342,  // xfs
    0x9123683e,  // btrfs
    0xf2f52010,  // f2fs
    0x2fc12fc1,  // zfs
    0xca451a4e,  // bcachefs
};

// Nor do times tell where a later look cannot know that it is in the same boot (a root directory
// without /proc).
bool tells(int failed, const struct statfs& filesystem, const struct stat& status) {
  return failed == 0 &&
         stat_tells(static_cast<uint64_t>(filesystem.f_type),
                    (static_cast<uint64_t>(filesystem.f_flags) & ST_RDONLY) != 0,
                    nanoseconds_of(status.st_ctim)) &&
         !boot_id().empty();
}

}  // namespace

FileStamp stamp_of(std::string name, const struct stat& status) {
  FileStamp stamp;
  stamp.name = std::move(name);
  stamp.size = static_cast<uint64_t>(status.st_size);
  stamp.mtime_ns = nanoseconds_of(status.st_mtim);
  stamp.ctime_ns = nanoseconds_of(status.st_ctim);
  stamp.inode = status.st_ino;
  stamp.device = status.st_dev;
  stamp.mode = status.st_mode;
  stamp.owner = status.st_uid;
  return stamp;
}

bool stat_tells(uint64_t filesystem_type, bool is_read_only, uint64_t ctime_ns) {
  return std::ranges::find(kKeepTimes, filesystem_type) != std::end(kKeepTimes) && !is_read_only &&
         ctime_ns % kSecond != 0;
}

bool stat_tells(int fd, const struct stat& status) {
  struct statfs filesystem {};
  return tells(::fstatfs(fd, &filesystem), filesystem, status);
}

bool stat_tells(const std::string& path, const struct stat& status) {
  struct statfs filesystem {};
  return tells(::statfs(path.c_str(), &filesystem), filesystem, status);
}

bool is_policy_file(std::string_view name) {
  return !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml"));
}

Result<std::vector<std::string>> list_policy_files(const std::string& directory) {
  struct CloseDirectory {
    void operator()(DIR* open) const { ::closedir(open); }
  };
  const std::unique_ptr<DIR, CloseDirectory> open(::opendir(directory.c_str()));
  if (!open) return std::unexpected(Error::system("list " + quoted(directory), errno));
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(open.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (is_policy_file(name)) names.emplace_back(name);
  }
  if (errno != 0) return std::unexpected(Error::system("list " + quoted(directory), errno));
  std::ranges::sort(names);
  return names;
}

std::string boot_id() {
  const auto file = open_at(AT_FDCWD, kBootId, O_RDONLY);
  char text[64];
  const ssize_t length = file ? ::read(file->get(), text, sizeof text) : 0;
  return {text, length > 0 ? static_cast<size_t>(length) : 0};
}

}  // namespace pinscope::policy
