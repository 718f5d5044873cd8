#include "plugin/cli/audit/trail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/programs.h"

namespace pinscope::cli {
namespace {

constexpr size_t kMaxRotated = size_t{256} << 20;
constexpr auto kUnpacking = std::chrono::seconds(60);

// Only a file has an end: a device or a FIFO would be read for ever.
Result<Fd> open_regular(const std::string& path) {
  auto opened = open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK);
  if (!opened) return opened;
  struct stat status {};
  if (::fstat(opened->get(), &status) != 0)
    return std::unexpected(Error::system("stat " + quoted(path), errno));
  if (!S_ISREG(status.st_mode))
    return std::unexpected(
        Error(ErrorCode::kAudit, "read " + quoted(path)).reason("it is not a regular file"));
  return opened;
}

}  // namespace

std::vector<record::RotatedFile> rotated_in_order(const std::string& path) {
  auto files = record::rotated_files(path);
  std::ranges::stable_sort(files, {}, &record::RotatedFile::modified_ns);
  return files;
}

Result<std::string> read_rotated(const std::string& path) {
  PINSCOPE_TRY(const Fd file, open_regular(path));
  if (!record::is_compressed(path)) return read_all(file.get(), kMaxRotated, path);
  const Error refusal(ErrorCode::kAudit, "read " + quoted(path));
  ProgramCall call;
  call.path = find_program("gzip");
  if (call.path.empty()) return std::unexpected(Error(refusal).reason("there is no gzip here"));
  call.arguments = {call.path, "-dc"};
  call.input = file.get();
  call.listen = Listen::kOutput;
  call.max_output = kMaxRotated;
  PINSCOPE_TRY(auto end, run_program(call, std::chrono::steady_clock::now() + kUnpacking));
  if (!end.ok()) return std::unexpected(Error(refusal).reason("gzip: " + end.what_happened()));
  return std::move(end.output);
}

Result<Trail> Trail::open(const std::string& path) {
  PINSCOPE_TRY(Fd file, open_regular(path));
  return Trail(path, std::move(file));
}

Status Trail::read_lines(const std::function<void(const std::string& line)>& take, bool with_rest) {
  char buffer[65536];
  for (;;) {
    const ssize_t count = ::read(file_.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(Error::system("read " + quoted(path_), errno));
    if (count == 0) break;
    rest_.append(buffer, static_cast<size_t>(count));
    size_t start = 0;
    for (size_t end; (end = rest_.find('\n', start)) != std::string::npos; start = end + 1)
      take(rest_.substr(start, end - start));
    rest_.erase(0, start);
  }
  if (with_rest && !rest_.empty()) take(std::exchange(rest_, {}));
  return {};
}

bool Trail::was_replaced() const {
  struct stat there {};
  return ::stat(path_.c_str(), &there) == 0 && !is_now(path_);
}

bool Trail::is_now(const std::string& path) const {
  struct stat here {};
  struct stat there {};
  return ::fstat(file_.get(), &here) == 0 && ::stat(path.c_str(), &there) == 0 &&
         is_same_file(here, there);
}

}  // namespace pinscope::cli
