#include "plugin/metrics/trail_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/record/chain.h"
#include "plugin/record/rotated.h"
#include "plugin/record/trail_file.h"

namespace pinscope::metrics {
namespace {

constexpr size_t kBuffer = size_t{64} << 10;

struct File {
  Fd fd;
  std::string path;
  struct stat status {};
};

// Nothing: it is not there, or is no regular file of which there is an end.
Result<std::optional<File>> open_file(const std::string& path) {
  auto fd = open_at(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd && fd.error().errnum() == ENOENT) return std::nullopt;
  if (!fd) return std::unexpected(std::move(fd).error());
  File file{*std::move(fd), path};
  if (::fstat(file.fd.get(), &file.status) != 0)
    return std::unexpected(Error::system("stat " + quoted(path), errno));
  if (!S_ISREG(file.status.st_mode))
    return std::unexpected(
        Error(ErrorCode::kAudit, "read " + quoted(path)).reason("it is not a regular file"));
  return file;
}

// The bytes at `offset`, fewer at the end of the file.
Result<std::string> bytes_at(const File& file, uint64_t offset, size_t count) {
  std::string bytes(count, '\0');
  ssize_t got = -1;
  do {
    got = ::pread(file.fd.get(), bytes.data(), count, static_cast<off_t>(offset));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return std::unexpected(Error::system("read " + quoted(file.path), errno));
  bytes.resize(static_cast<size_t>(got));
  return bytes;
}

Result<std::string> mark_at(const File& file, uint64_t offset) {
  const uint64_t size = std::min(offset, kMarkSize);
  PINSCOPE_TRY(const auto bytes, bytes_at(file, offset - size, size));
  return record::sha256(bytes);
}

bool is_of(const Position& position, const File& file) {
  if (file.status.st_dev != position.device || file.status.st_ino != position.inode ||
      std::cmp_less(file.status.st_size, position.offset))
    return false;
  const auto mark = mark_at(file, position.offset);
  return mark && *mark == position.mark;
}

// Walks through one file.
class Walk {
 public:
  Walk(const File& file, uint64_t offset, bool in_line, const Taker& taker)
      : file_(file), offset_(offset), in_line_(in_line), taker_(taker) {}

  // To the end, or until `budget` is used up. `is_last`: somebody still writes it.
  Status read(uint64_t& budget, bool is_last) {
    uint64_t at = offset_;  // of what is to be read next
    std::string rest;       // from offset_ up to there
    while (budget > 0) {
      PINSCOPE_TRY(const auto bytes, bytes_at(file_, at, kBuffer));
      budget -= std::min<uint64_t>(budget, bytes.size());
      at += bytes.size();
      rest += bytes;
      take_lines(rest);
      if (bytes.empty()) {
        if (!is_last) finish(rest);
        return {};
      }
    }
    return {};
  }

  [[nodiscard]] Result<Position> position() const {
    PINSCOPE_TRY(std::string mark, mark_at(file_, offset_));
    return Position{true,    file_.status.st_dev, file_.status.st_ino,
                    offset_, std::move(mark),     in_line_};
  }
  [[nodiscard]] uint64_t unread() const {
    const auto size = static_cast<uint64_t>(file_.status.st_size);
    return size > offset_ ? size - offset_ : 0;
  }

 private:
  void take_lines(std::string& rest) {
    size_t start = 0;
    for (size_t end; (end = rest.find('\n', start)) != std::string::npos; start = end + 1) {
      if (!std::exchange(in_line_, false))
        taker_.line(std::string_view(rest).substr(start, end - start));
      offset_ += end + 1 - start;
    }
    rest.erase(0, start);
    if (rest.size() <= record::kLongestLine) return;
    skip(rest);
  }

  // What is in `rest` belongs to no line.
  void skip(std::string& rest) {
    if (!in_line_) taker_.damaged();
    in_line_ = true;
    offset_ += rest.size();
    rest.clear();
  }

  void finish(std::string& rest) {
    if (!rest.empty()) skip(rest);
    in_line_ = false;
  }

  const File& file_;
  uint64_t offset_;
  bool in_line_;
  const Taker& taker_;
};

// The files that were put aside and may have to be read, the oldest first.
Result<std::vector<File>> rotated(const std::string& path) {
  auto names = record::rotated_files(path);
  std::ranges::stable_sort(names, {}, &record::RotatedFile::modified_ns);
  std::vector<File> files;
  files.reserve(names.size());
  for (const auto& name : names) {
    if (record::is_compressed(name.path)) continue;
    PINSCOPE_TRY(auto file, open_file(name.path));
    if (file) files.push_back(*std::move(file));
  }
  return files;
}

// Those from the one on that the position is in, and the newest.
struct Way {
  std::vector<File> files;
  bool is_lost = false;
};
Result<Way> way_from(const Position& from, const std::string& path, std::optional<File> newest) {
  Way way;
  if (from.is_set && !(newest && is_of(from, *newest))) {
    PINSCOPE_TRY(auto files, rotated(path));
    const auto found =
        std::ranges::find_if(files, [&](const File& file) { return is_of(from, file); });
    way.is_lost = found == files.end();
    std::move(found, files.end(), std::back_inserter(way.files));
  }
  if (newest) way.files.push_back(*std::move(newest));
  return way;
}

}  // namespace

Result<Progress> read_on(const std::string& path, Position from, uint64_t budget,
                         const Taker& taker) {
  // First, because a rotation meanwhile gives it another name.
  PINSCOPE_TRY(auto newest, open_file(path));
  Progress progress;
  progress.size = newest ? static_cast<uint64_t>(newest->status.st_size) : 0;
  const bool is_there = newest.has_value();
  PINSCOPE_TRY(const Way way, way_from(from, path, std::move(newest)));
  if (way.is_lost) {
    taker.lost();
    from = {};
  }
  for (size_t i = 0; i < way.files.size(); ++i) {
    const bool is_last = i + 1 == way.files.size() && is_there;
    const bool goes_on = i == 0 && from.is_set;
    Walk walk(way.files[i], goes_on ? from.offset : 0, goes_on && from.in_line, taker);
    if (budget > 0) {
      PINSCOPE_CHECK(walk.read(budget, is_last));
      PINSCOPE_TRY(progress.position, walk.position());
    }
    progress.unread += walk.unread();
  }
  if (!progress.position.is_set && !way.is_lost) progress.position = std::move(from);
  return progress;
}

}  // namespace pinscope::metrics
