#include "plugin/record/waiting.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/trust.h"

namespace pinscope::record {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;
constexpr int kMaxTries = 200;
constexpr long kBetweenTries = 1'000'000;  // nanoseconds

}  // namespace

Result<WaitingLines> WaitingLines::open(const std::string& directory) {
  auto opened = open_at(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
  if (!opened && opened.error().errnum() == ENOENT)
    opened = make_directory(directory, kDirectoryMode);
  if (!opened) return std::unexpected(std::move(opened).error());
  struct stat status {};
  if (::fstat(opened->get(), &status) != 0)
    return std::unexpected(Error::system("stat " + quoted(directory), errno));
  PINSCOPE_CHECK(check_trusted(status, directory, TrustRule(ErrorCode::kAudit)));
  return WaitingLines(*std::move(opened));
}

// The file, locked. Who moved its lines has removed it: a file without a name is nobody's any more.
// To add a line without the lock is the lesser evil where its holder was stopped: the line could be
// lost, if the holder is about to remove the file.
Result<Fd> WaitingLines::lock_file(bool create) const {
  const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | (create ? O_CREAT : 0);
  for (int tries = 0;; ++tries) {
    PINSCOPE_TRY(Fd file, open_at(directory_.get(), kWaitingName, flags, kFileMode));
    const bool locked = ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
    struct stat status {};
    const bool named = ::fstat(file.get(), &status) == 0 && status.st_nlink > 0;
    if (named && !S_ISREG(status.st_mode))
      return std::unexpected(Error::system("open " + quoted(kWaitingName), EINVAL));
    if (named && (locked || (create && tries >= kMaxTries))) return file;
    if (!create || tries >= 2 * kMaxTries)
      return std::unexpected(Error::system("lock " + quoted(kWaitingName), EBUSY));
    const struct timespec pause { .tv_sec = 0, .tv_nsec = kBetweenTries };
    (void)::nanosleep(&pause, nullptr);
  }
}

Status WaitingLines::add(std::string_view line, bool is_grant) const {
  const std::string operation = "keep an audit line in " + quoted(kWaitingName);
  auto file = lock_file(true);
  if (!file) return std::unexpected(std::move(file).error().with_code(ErrorCode::kAudit));
  struct stat status {};
  if (::fstat(file->get(), &status) != 0)
    return std::unexpected(Error::system(operation, errno, ErrorCode::kAudit));
  const size_t limit = is_grant ? kMaxWaiting : kMaxForeignWaiting;
  if (static_cast<size_t>(status.st_size) + line.size() + 1 > limit)
    return std::unexpected(
        Error(ErrorCode::kAudit, operation).reason("too many wait for space already"));
  const std::string text = std::string(line) + "\n";
  const ssize_t count = append_lines(file->get(), text);
  if (count == static_cast<ssize_t>(text.size())) return {};
  return std::unexpected(
      Error::system(operation, count < 0 ? static_cast<int>(-count) : ENOSPC, ErrorCode::kAudit));
}

void WaitingLines::move_to(int trail) const {
  if (!directory_.valid()) return;
  const auto file = lock_file(false);
  if (!file) return;
  const auto lines = read_all(file->get(), 2 * kMaxWaiting, kWaitingName);
  if (!lines) return;
  const ssize_t count = lines->empty() ? 0 : append_lines(trail, *lines);
  if (count == static_cast<ssize_t>(lines->size())) {
    ::unlinkat(directory_.get(), kWaitingName, 0);
    return;
  }
  // Full again: the lines that were taken whole need not wait any longer.
  if (count <= 0) return;
  const size_t end = lines->rfind('\n', static_cast<size_t>(count) - 1);
  if (end == std::string::npos) return;
  const std::string rest = lines->substr(end + 1);
  if (::ftruncate(file->get(), 0) == 0) (void)append_lines(file->get(), rest);
}

ssize_t append_lines(int fd, std::string_view lines) {
  char last = '\n';
  const off_t size = ::lseek(fd, 0, SEEK_END);
  if (size > 0 && ::pread(fd, &last, 1, size - 1) != 1) last = '\n';
  if (last == '\n') {
    const ssize_t count = ::write(fd, lines.data(), lines.size());
    return count < 0 ? -errno : count;
  }
  const std::string text = "\n" + std::string(lines);
  const ssize_t count = ::write(fd, text.data(), text.size());
  return count < 0 ? -errno : std::max<ssize_t>(count - 1, 0);
}

}  // namespace pinscope::record
