#include "plugin/record/waiting.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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
  // Behind a newline where somebody's last line was cut.
  char last = '\n';
  if (status.st_size > 0 && ::pread(file->get(), &last, 1, status.st_size - 1) != 1) last = '\n';
  const std::string text = (last == '\n' ? "" : "\n") + std::string(line) + "\n";
  const ssize_t count = ::write(file->get(), text.data(), text.size());
  if (count == static_cast<ssize_t>(text.size())) return {};
  return std::unexpected(Error::system(operation, count < 0 ? errno : ENOSPC, ErrorCode::kAudit));
}

void WaitingLines::move_to(const TrailFile& trail) const {
  if (!directory_.valid()) return;
  const auto file = lock_file(false);
  if (!file) return;
  const auto text = read_all(file->get(), 2 * kMaxWaiting, kWaitingName);
  if (!text) return;
  std::vector<std::string_view> lines;
  for (const auto line : split(*text, '\n'))
    if (line.ends_with('}')) lines.push_back(line);
  const size_t moved = lines.empty() ? 0 : trail.append(lines).lines;
  if (moved == lines.size()) {
    ::unlinkat(directory_.get(), kWaitingName, 0);
    return;
  }
  // Full again: the lines that were taken whole need not wait any longer.
  if (moved == 0) return;
  const auto rest = text->substr(static_cast<size_t>(lines[moved].data() - text->data()));
  if (::ftruncate(file->get(), 0) == 0) (void)!::write(file->get(), rest.data(), rest.size());
}

}  // namespace pinscope::record
