#include "plugin/record/change_lock.h"

#include <fcntl.h>
#include <time.h>

#include <cerrno>

#include "plugin/base/text.h"
#include "plugin/host/file.h"

namespace pinscope::record {
namespace {

constexpr const char* kName = "/changes.lock";
constexpr mode_t kMode = 0600;
constexpr long kBetweenTries = 1'000'000;  // nanoseconds

}  // namespace

// One file for all of them, with a byte for each process id, so that nothing is left behind.
Result<Fd> lock_change(const std::string& state_directory, pid_t pid,
                       std::chrono::milliseconds timeout) {
  const std::string path = state_directory + kName;
  auto file = open_at(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW, kMode);
  if (!file) return std::unexpected(std::move(file).error().with_code(ErrorCode::kRecord));
  struct flock byte {};
  byte.l_type = F_WRLCK;
  byte.l_whence = SEEK_SET;
  byte.l_start = pid;
  byte.l_len = 1;
  for (auto left = timeout.count(); ::fcntl(file->get(), F_OFD_SETLK, &byte) != 0; --left) {
    if (errno != EAGAIN && errno != EACCES && errno != EINTR)
      return std::unexpected(Error::system("lock " + quoted(path), errno, ErrorCode::kRecord));
    if (left <= 0)
      return std::unexpected(
          Error(ErrorCode::kRecord, "change the view of process " + std::to_string(pid))
              .reason("somebody else is at it"));
    const struct timespec pause { .tv_sec = 0, .tv_nsec = kBetweenTries };
    (void)::nanosleep(&pause, nullptr);
  }
  return *std::move(file);
}

}  // namespace pinscope::record
