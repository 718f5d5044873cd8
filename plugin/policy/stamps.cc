#include "plugin/policy/stamps.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "plugin/base/clock.h"
#include "plugin/base/file.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"

namespace pinscope::policy {
namespace {

using Proof = FileStamp::Proof;

constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";
constexpr uint64_t kSecond = 1'000'000'000;
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

FileStamp stamp_at(const std::string& path, std::string name) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) status = {};
  return stamp_of(std::move(name), status);
}

bool same_stat(const FileStamp& before, const FileStamp& now) {
  return before.size == now.size && before.mtime_ns == now.mtime_ns &&
         before.ctime_ns == now.ctime_ns && before.inode == now.inode &&
         before.device == now.device && before.mode == now.mode && before.owner == now.owner;
}

// Who may change it is part of what was accepted.
bool same_trust(const FileStamp& before, const struct stat& now) {
  return before.mode == now.st_mode && before.owner == now.st_uid;
}

bool same_text(const FileStamp& before, const std::string& path) {
  const auto file = open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK);
  struct stat status {};
  if (!file || ::fstat(file->get(), &status) != 0 || !same_trust(before, status)) return false;
  if (static_cast<uint64_t>(status.st_size) != before.text.size()) return false;
  const auto text = read_all(file->get(), before.text.size(), path);
  return text && *text == before.text;
}

// Behind the first, which is the directory's, stand those of its files, in the order of their
// names.
bool same_names(const Origin& origin) {
  struct stat status {};
  if (::stat(origin.path.c_str(), &status) != 0 || !same_trust(origin.files.front(), status))
    return false;
  const auto names = list_policy_files(origin.path);
  return names &&
         std::equal(
             names->begin(), names->end(), origin.files.begin() + 1, origin.files.end(),
             [](const std::string& name, const FileStamp& file) { return name == file.name; });
}

bool same_file(const FileStamp& before, const Origin& origin, Racy racy) {
  const std::string path = before.name.empty() ? origin.path : join(origin.path, before.name);
  switch (before.proof) {
    case Proof::kStat:
      if (racy == Racy::kCountsAsChanged && before.ctime_ns + kRacyNs >= origin.read_at_ns)
        return false;
      return same_stat(before, stamp_at(path, before.name));
    case Proof::kContent:
      return S_ISDIR(before.mode) ? same_names(origin) : same_text(before, path);
    case Proof::kNothing:
      return false;
  }
  return false;
}

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

FileStamp stamp_of_path(const std::string& policy_path) {
  struct stat status {};
  if (::stat(policy_path.c_str(), &status) != 0) return stamp_of("", {});
  FileStamp stamp = stamp_of("", status);
  if (!stat_tells(policy_path, status))
    stamp.proof = S_ISDIR(status.st_mode) ? Proof::kContent : Proof::kNothing;
  return stamp;
}

uint64_t birth_of(const std::string& policy_path) {
  struct statx status {};
  if (::statx(AT_FDCWD, policy_path.c_str(), 0, STATX_BTIME, &status) != 0 ||
      (status.stx_mask & STATX_BTIME) == 0)
    return 0;
  return static_cast<uint64_t>(status.stx_btime.tv_sec) * kSecond + status.stx_btime.tv_nsec;
}

uint64_t newest_change(const std::string& policy_path) {
  const FileStamp itself = stamp_at(policy_path, "");
  uint64_t newest = itself.ctime_ns;
  if (!S_ISDIR(itself.mode)) return newest;
  const auto names = list_policy_files(policy_path);
  if (!names) return newest;
  for (const auto& name : *names)
    newest = std::max(newest, stamp_at(join(policy_path, name), name).ctime_ns);
  return newest;
}

std::string boot_id() {
  const auto file = open_at(AT_FDCWD, kBootId, O_RDONLY);
  char text[64];
  const ssize_t length = file ? ::read(file->get(), text, sizeof text) : 0;
  return {text, length > 0 ? static_cast<size_t>(length) : 0};
}

bool unchanged(const Origin& origin, Racy racy) {
  if (origin.files.empty()) return false;
  const bool same = std::ranges::all_of(
      origin.files, [&](const FileStamp& before) { return same_file(before, origin, racy); });
  if (!same) return false;
  const bool rests_on_times = std::ranges::any_of(origin.files, [](const FileStamp& file) {
    return file.proof == Proof::kStat && file.mode != 0;
  });
  return !rests_on_times || origin.boot == boot_id();
}

}  // namespace pinscope::policy
