// Where the holder is: its socket, its lock, and how many descriptors it may have.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/trust.h"
#include "plugin/host/unix_socket.h"
#include "plugin/values/hold/holder.h"

namespace pinscope::hold {
namespace {

constexpr mode_t kRootAlone = 0700;
constexpr mode_t kLockMode = 0600;
constexpr const char* kLockName = "holder.lock";
constexpr rlim_t kWanted = kMaxHeld + 1024;

}  // namespace

Result<Place> take_place(const std::string& path) {
  const std::string parent(parent_of(path));
  PINSCOPE_TRY([[maybe_unused]] const Fd made, make_directory(parent, kRootAlone));
  PINSCOPE_TRY(const Fd directory, open_trusted_directory(parent, ErrorCode::kHolder));
  // Also one that was there before: whoever reaches the socket has every map.
  if (::fchmod(directory.get(), kRootAlone) != 0)
    return std::unexpected(Error::system("change the mode of " + quoted(parent), errno));
  Place place;
  PINSCOPE_TRY(place.lock, open_at(directory.get(), kLockName,
                                   O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, kLockMode));
  if (::flock(place.lock.get(), LOCK_EX | LOCK_NB) != 0)
    return std::unexpected(Error::system("hold values at " + quoted(path),
                                         errno == EWOULDBLOCK ? EBUSY : errno, ErrorCode::kHolder)
                               .hint("another holder is there"));
  PINSCOPE_TRY(
      place.listener,
      listen_at_socket(
          {.path = path, .type = SOCK_SEQPACKET, .directory_mode = kRootAlone, .group = {}}));
  return place;
}

// The hard limit is root's to raise, up to fs.nr_open.
void raise_descriptor_limit() {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const struct rlimit wanted = {kWanted, std::max(kWanted, limit.rlim_max)};
  if (::setrlimit(RLIMIT_NOFILE, &wanted) == 0) return;
  limit.rlim_cur = std::min(kWanted, limit.rlim_max);
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace pinscope::hold
