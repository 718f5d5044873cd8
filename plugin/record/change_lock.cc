#include "plugin/record/change_lock.h"

#include <fcntl.h>
#include <time.h>

#include <cerrno>

#include "plugin/base/text.h"
#include "plugin/host/file.h"

namespace pinscope::record {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr const char* kName = "changes.lock";
constexpr mode_t kMode = 0600;
constexpr long kBetweenTries = 1'000'000;  // nanoseconds
// One file for all locks, with a byte for each, so that nothing is left behind: for changes by the
// process's start and number, for looks by the namespace's number behind all of those.
constexpr unsigned kBitsOfPids = 22;
constexpr uint64_t kOfNamespaces = uint64_t{1} << 62U;

// False if somebody has had it all the time. `left`: see the header.
Result<bool> lock_byte(int file, uint64_t which, Milliseconds& left) {
  struct flock byte {};
  byte.l_type = F_WRLCK;
  byte.l_whence = SEEK_SET;
  byte.l_start = static_cast<off_t>(which);
  byte.l_len = 1;
  for (;; left -= Milliseconds(1)) {
    if (::fcntl(file, F_OFD_SETLK, &byte) == 0) return true;
    if (errno != EAGAIN && errno != EACCES && errno != EINTR)
      return std::unexpected(Error::system("lock it", errno, ErrorCode::kRecord));
    if (left <= Milliseconds(0)) return false;
    const struct timespec pause { .tv_sec = 0, .tv_nsec = kBetweenTries };
    (void)::nanosleep(&pause, nullptr);
  }
}

}  // namespace

Result<Fd> lock_change(const std::string& state_directory, pid_t pid, uint64_t process_start,
                       Milliseconds timeout) {
  const std::string path = state_directory + "/" + kName;
  auto file = open_at(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW, kMode);
  if (!file) return std::unexpected(std::move(file).error().with_code(ErrorCode::kRecord));
  const uint64_t which = process_start << kBitsOfPids | static_cast<uint64_t>(pid);
  const auto locked = lock_byte(file->get(), which % kOfNamespaces, timeout);
  if (!locked)
    return std::unexpected(
        Error::system("lock " + quoted(path), locked.error().errnum(), ErrorCode::kRecord));
  if (*locked) return *std::move(file);
  return std::unexpected(
      Error(ErrorCode::kRecord, "change the view of process " + std::to_string(pid))
          .reason("somebody else is at it")
          .hint("if it stays so, a file system of the container's gives no answer: stop the "
                "container"));
}

LookLocks::LookLocks(const std::string& state_directory) {
  if (auto directory = open_at(AT_FDCWD, state_directory, O_PATH | O_DIRECTORY))
    directory_ = *std::move(directory);
}

Result<Fd> LookLocks::lock(uint64_t space, Milliseconds& left) const {
  if (!directory_.valid()) return Fd();
  auto file = open_at(directory_.get(), kName, O_RDWR | O_CREAT | O_NOFOLLOW, kMode);
  if (!file) return Fd();
  const auto locked = lock_byte(file->get(), kOfNamespaces | space, left);
  if (!locked) return Fd();
  if (*locked) return *std::move(file);
  return std::unexpected(
      Error::system("look into the container", ETIME, ErrorCode::kRecord)
          .reason("a process of Pinscope's waits there for a file system that gives no answer"));
}

}  // namespace pinscope::record
