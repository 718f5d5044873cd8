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
// For the one before many that were cut.
constexpr off_t kLongestLookBack = 8 * kLookBack;

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

// The lines at the end of `text` behind the last one that has a digest.
std::string_view without_digest(std::string_view text) {
  size_t start = text.size();
  while (start > 0) {
    const size_t newline = start < 2 ? std::string_view::npos : text.rfind('\n', start - 2);
    const size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
    std::string_view line = text.substr(begin, start - begin);
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (digest_of(line)) break;
    start = begin;
  }
  return text.substr(start);
}

struct End {
  ChainLink link;
  bool has_newline = true;
  bool begins_chain = false;  // no line of the file has a digest
  bool is_of_older = false;   // the last line is whole: of a version that made no chain
};

// How the chain goes on behind lines that have no digest: their writers were killed, or the disk
// was full, perhaps behind the newline that a writer puts in front.
[[gnu::cold]] void go_on_behind_cut(End& end, int fd, off_t size) {
  for (off_t back = kLookBack;; back *= 2) {
    const std::string tail = last_bytes(fd, size, back);
    const std::string_view cut = without_digest(tail);
    const bool is_found = cut.size() < tail.size();
    end.begins_chain = !is_found && !tail.empty() && size <= back;
    end.is_of_older = cut.ends_with("}\n");
    if (is_found || end.begins_chain) end.link.cut_digest = cut_digest_of(cut);
    std::string_view before = std::string_view(tail).substr(0, tail.size() - cut.size());
    if (before.ends_with('\n')) before.remove_suffix(1);
    if (const auto digest = digest_of(before)) end.link.prev = *digest;
    if (is_found || size <= back || back >= kLongestLookBack) return;
  }
}

// What a line at the end of the file goes on from.
End end_of(int fd, off_t size) {
  End end;
  std::string tail = last_bytes(fd, size, kDigestMemberSize + 1);
  end.has_newline = tail.empty() || tail.back() == '\n';
  if (end.has_newline && !tail.empty()) tail.pop_back();
  if (const auto digest = digest_of(tail)) {
    end.link.prev = *digest;
  } else if (size > 0) {
    go_on_behind_cut(end, fd, size);
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
  trail.path_ = path;
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
  // Who began the file got no line into it: this is its first.
  if (end.begins_chain && !end.is_of_older) end.link.prev = behind_rotated(path_).prev;
  end.link.first = size == 0 || end.begins_chain;
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
