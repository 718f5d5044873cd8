#include "plugin/host/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <memory>

#include "plugin/base/clock.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"

namespace pinscope {
namespace {

// Temporary files are called ".1234-5678.tmp", whatever the length of the name they will get: 1234
// is the thread, 5678 the time, because in another PID namespace the number is somebody else's.
constexpr std::string_view kTemporarySuffix = ".tmp";

std::string temporary_name() {
  std::string name(1, '.');
  name += std::to_string(::gettid());
  name += '-';
  name += std::to_string(wall_clock_ns());
  name += kTemporarySuffix;
  return name;
}

// `like`: whose owner and mode the file gets, whatever the umask; may be null.
Result<Fd> write_and_rename(int dirfd, const std::string& name, std::string_view content,
                            mode_t mode, bool durable, unsigned rename_flags,
                            const struct stat* like = nullptr) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  const std::string temporary = temporary_name();
  auto file = open_at(dirfd, temporary, kFlags, mode);
  if (!file) return std::unexpected(Error::system("write " + quoted(name), file.error().errnum()));
  const auto fail = [&](const char* verb) {
    Error error = Error::system(verb + quoted(name), errno);
    ::unlinkat(dirfd, temporary.c_str(), 0);
    return std::unexpected(std::move(error));
  };
  while (!content.empty()) {
    const ssize_t count = ::write(file->get(), content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail("write ");
    content.remove_prefix(static_cast<size_t>(count));
  }
  if (like != nullptr && (::fchown(file->get(), like->st_uid, like->st_gid) != 0 ||
                          ::fchmod(file->get(), like->st_mode & 07777U) != 0))
    return fail("set the owner and mode of ");
  if (durable && ::fsync(file->get()) != 0) return fail("sync ");
  if (::renameat2(dirfd, temporary.c_str(), dirfd, name.c_str(), rename_flags) != 0)
    return fail(rename_flags == RENAME_NOREPLACE ? "create " : "replace ");
  return file;
}

}  // namespace

Result<Fd> open_at(int dirfd, const std::string& path, int flags, mode_t mode) {
  const int fd = ::openat(dirfd, path.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode);
  if (fd < 0) return std::unexpected(Error::system("open " + quoted(path), errno));
  return Fd(fd);
}

Result<std::string> text_of_file(const std::string& path, size_t limit) {
  PINSCOPE_TRY(const Fd file, open_at(AT_FDCWD, path, O_RDONLY));
  PINSCOPE_TRY(std::string text, read_all(file.get(), limit, path));
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

Result<std::vector<std::string>> names_in(int directory, std::string_view path) {
  struct Close {
    void operator()(DIR* stream) const { ::closedir(stream); }
  };
  const auto cannot = [&] { return std::unexpected(Error::system("list " + quoted(path), errno)); };
  // A descriptor of its own: its position is nobody else's.
  Fd again(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!again.valid()) return cannot();
  const std::unique_ptr<DIR, Close> stream(::fdopendir(again.get()));
  if (!stream) return cannot();
  [[maybe_unused]] const int owned_by_stream = again.release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0) return cannot();
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> read_link_at(int directory, const std::string& name) {
  char target[PATH_MAX];
  const ssize_t length = ::readlinkat(directory, name.c_str(), target, sizeof target);
  if (length < 0) return std::unexpected(Error::system("read link " + quoted(name), errno));
  return std::string(target, static_cast<size_t>(length));
}

Result<RealDirectory> open_real_directory(const std::string& path, int flags) {
  PINSCOPE_TRY(Fd directory, open_at(AT_FDCWD, path, flags | O_DIRECTORY));
  auto resolved = read_link_at(AT_FDCWD, "/proc/self/fd/" + std::to_string(directory.get()));
  if (!resolved)
    return std::unexpected(
        Error::system("find the path of " + quoted(path), resolved.error().errnum()));
  return RealDirectory{std::move(directory), *std::move(resolved)};
}

Result<std::string> read_all(int fd, size_t limit, std::string_view name) {
  constexpr size_t kFirstSize = 16384;
  std::string content;
  for (;;) {
    const size_t length = content.size();
    ssize_t count = 0;
    const size_t room = length < content.capacity() ? content.capacity() : 2 * length;
    // Not resize(): its zeros would touch every page of room that is not needed after all.
    content.resize_and_overwrite(std::min(limit + 1, std::max(kFirstSize, room)),
                                 [&](char* data, size_t size) {
                                   do {
                                     count = ::read(fd, data + length, size - length);
                                   } while (count < 0 && errno == EINTR);
                                   return length + static_cast<size_t>(std::max<ssize_t>(count, 0));
                                 });
    if (count < 0) return std::unexpected(Error::system("read " + quoted(name), errno));
    if (count == 0) return content;
    if (content.size() > limit)
      return std::unexpected(Error(ErrorCode::kSystem, "read " + quoted(name))
                                 .reason("it is larger than " + std::to_string(limit) + " bytes"));
  }
}

Result<Fd> make_directory(const std::string& path, mode_t mode) {
  auto existing = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  if (existing || existing.error().errnum() != ENOENT) return existing;
  if (const auto parent = std::string(parent_of(path)); parent != path) {
    PINSCOPE_TRY([[maybe_unused]] const Fd above, make_directory(parent, 0755));
  }
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    return std::unexpected(Error::system("make directory " + quoted(path), errno));
  return open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
}

Status write_atomically(int dirfd, const std::string& name, std::string_view content, mode_t mode,
                        bool durable) {
  PINSCOPE_CHECK(write_and_rename(dirfd, name, content, mode, durable, 0));
  return {};
}

Result<Fd> write_and_hold(int dirfd, const std::string& name, std::string_view content,
                          mode_t mode) {
  return write_and_rename(dirfd, name, content, mode, false, 0);
}

Status replace_atomically(int dirfd, const std::string& name, std::string_view content,
                          const struct stat& like) {
  PINSCOPE_CHECK(write_and_rename(dirfd, name, content, 0600, false, 0, &like));
  return {};
}

Result<Fd> create_and_hold(int dirfd, const std::string& name, std::string_view content,
                           mode_t mode) {
  return write_and_rename(dirfd, name, content, mode, false, RENAME_NOREPLACE);
}

bool is_temporary_name(std::string_view name) {
  if (!name.starts_with('.') || !name.ends_with(kTemporarySuffix)) return false;
  name.remove_suffix(kTemporarySuffix.size());
  if (name.empty()) return false;  // the suffix alone
  name.remove_prefix(1);
  // Those of earlier releases have the thread alone.
  const size_t end = std::min(name.find('-'), name.size());
  return parse_unsigned(name.substr(0, end)) &&
         (end == name.size() || parse_unsigned(name.substr(end + 1)));
}

bool is_same_file(const struct stat& left, const struct stat& right) {
  return left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

}  // namespace pinscope
