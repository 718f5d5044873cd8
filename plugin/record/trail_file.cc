#include "plugin/record/trail_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/record/rotated.h"

namespace pinscope::record {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;

// Space behind the end of the file that is the file's already when a disk becomes full.
constexpr off_t kReserve = off_t{1} << 20;
constexpr off_t kBlock = 512;  // of st_blocks

// Longer than any line, so that the one before a line that was cut is found.
constexpr off_t kLookBack = off_t{2} * kLongestLine;

// Not every file system can, and none has to: it only makes the file the last to find no space.
void reserve(int fd, const struct stat& status) {
  if (status.st_blocks * kBlock < status.st_size + kReserve / 2)
    (void)::fallocate(fd, FALLOC_FL_KEEP_SIZE, status.st_size, kReserve);
}

// The last bytes of a file that has `size`, at most `count`; fewer where they cannot be read.
std::string last_bytes(int fd, off_t size, off_t count) {
  count = std::min(size, count);
  std::string bytes;
  bytes.resize_and_overwrite(static_cast<size_t>(count), [&](char* data, size_t wanted) {
    return static_cast<size_t>(std::max<ssize_t>(::pread(fd, data, wanted, size - count), 0));
  });
  return bytes;
}

// How the chain goes on behind a last line that has no end: its writer was killed, or the disk was
// full.
[[gnu::cold]] ChainLink behind_cut_line(int fd, off_t size) {
  const std::string tail = last_bytes(fd, size, kLookBack);
  const size_t end = tail.rfind('\n');
  const bool is_whole = end != std::string::npos || size <= kLookBack;
  const size_t start = end == std::string::npos ? 0 : end + 1;
  ChainLink link;
  if (is_whole) link.cut_digest = sha256(std::string_view(tail).substr(start));
  if (end != std::string::npos)
    if (const auto digest = digest_of(std::string_view(tail).substr(0, end))) link.prev = *digest;
  return link;
}

struct End {
  ChainLink link;
  bool has_newline = true;
};

// What a line at the end of the file goes on from.
End end_of(int fd, off_t size) {
  End end;
  std::string tail = last_bytes(fd, size, kDigestMemberSize + 1);
  end.has_newline = tail.empty() || tail.back() == '\n';
  if (end.has_newline && !tail.empty()) tail.pop_back();
  if (const auto digest = digest_of(tail)) {
    end.link.prev = *digest;
  } else if (!end.has_newline) {
    end.link = behind_cut_line(fd, size);
  }
  return end;
}

// The end of the file that was rotated last. A new file begins seldom.
[[gnu::cold]] ChainLink behind_rotated(const std::string& path) {
  const auto files = rotated_files(path);
  const auto last = std::ranges::max_element(files, {}, &RotatedFile::modified_ns);
  if (last == files.end() || is_compressed(last->path)) return {};
  const auto file = open_at(AT_FDCWD, last->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat status {};
  if (!file || ::fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return end_of(file->get(), status.st_size).link;
}

// Takes the lock of the file, and waits for it up to 0.2 seconds.
bool lock_soon(int file) {
  constexpr int kTries = 800;
  constexpr timespec kPause = {.tv_sec = 0, .tv_nsec = 250'000};
  for (int tries = 0; ::flock(file, LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (tries == kTries || (errno != EWOULDBLOCK && errno != EINTR)) return false;
    (void)::nanosleep(&kPause, nullptr);
  }
  return true;
}

}  // namespace

// O_NONBLOCK: opening a FIFO that somebody put there would wait for a reader.
Result<TrailFile> TrailFile::open(const std::string& path) {
  constexpr int kFlags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
  auto file = open_at(AT_FDCWD, path, kFlags, kFileMode);
  if (!file && file.error().errnum() == ENOENT) {
    PINSCOPE_TRY([[maybe_unused]] const Fd directory,
                 make_directory(std::string(parent_of(path)), kDirectoryMode));
    file = open_at(AT_FDCWD, path, kFlags, kFileMode);
  }
  if (!file) return std::unexpected(std::move(file).error());
  struct stat status {};
  if (::fstat(file->get(), &status) != 0)
    return std::unexpected(Error::system("stat " + quoted(path), errno));
  if (!S_ISREG(status.st_mode))
    return std::unexpected(
        Error(ErrorCode::kAudit, "open " + quoted(path)).reason("it is not a regular file"));
  reserve(file->get(), status);
  TrailFile trail;
  trail.file_ = *std::move(file);
  if (status.st_size == 0) trail.rotated_ = behind_rotated(path);
  return trail;
}

size_t TrailFile::size() const {
  return static_cast<size_t>(std::max<off_t>(::lseek(file_.get(), 0, SEEK_END), 0));
}

TrailFile::Appended TrailFile::append(std::span<const std::string_view> lines) const {
  const bool locked = lock_soon(file_.get());
  const auto size = static_cast<off_t>(this->size());
  End end = size == 0 ? End{rotated_} : end_of(file_.get(), size);
  end.link.first = size == 0;
  end.link.unlocked = !locked;

  Appended appended;
  std::string text;
  if (!end.has_newline) text += '\n';
  std::vector<size_t> ends;
  for (const std::string_view line : lines) {
    appended.text = chained(line, end.link);
    text += appended.text;
    text += '\n';
    ends.push_back(text.size());
    end.link = {.prev = std::string(*digest_of(appended.text)), .unlocked = !locked};
  }
  const ssize_t written = ::write(file_.get(), text.data(), text.size());
  appended.errnum = written < 0 ? errno : 0;
  if (locked) (void)::flock(file_.get(), LOCK_UN);
  const size_t count = written < 0 ? 0 : static_cast<size_t>(written);
  appended.lines = static_cast<size_t>(std::ranges::upper_bound(ends, count) - ends.begin());
  if (written >= 0 && appended.lines < lines.size()) appended.errnum = ENOSPC;
  const size_t begun = appended.lines == 0 ? (end.has_newline ? 0 : 1) : ends[appended.lines - 1];
  appended.cut = count > begun;
  return appended;
}

}  // namespace pinscope::record
