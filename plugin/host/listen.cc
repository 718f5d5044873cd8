// Listening at a Unix socket; what it takes to connect to one is in unix_socket.cc, which programs
// link that never listen.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/trust.h"
#include "plugin/host/unix_socket.h"

namespace pinscope {
namespace {

constexpr int kBacklog = 32;
// Of a process that was killed, one that it was about to start has the socket for a moment still.
constexpr int kTries = 10;
constexpr std::chrono::milliseconds kBetweenTries{50};
constexpr mode_t kRootAlone = 0600;
constexpr mode_t kGroupToo = 0660;

Error cannot_listen(const std::string& path, int errnum) {
  return Error::system("listen at " + quoted(path), errnum);
}

const struct sockaddr* generic(const struct sockaddr_un& address) {
  return reinterpret_cast<const struct sockaddr*>(&address);
}

Result<Fd> make_socket(int type) {
  Fd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return std::unexpected(Error::system("make a socket", errno));
  return fd;
}

// Whether what is at the place may be replaced: a socket at which nobody listens.
Status check_place(int directory, const std::string& name, const SocketPlace& place) {
  struct stat status {};
  if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return {};
  const Error refusal(ErrorCode::kSystem, "listen at " + quoted(place.path));
  if (!S_ISSOCK(status.st_mode))
    return std::unexpected(Error(refusal).reason("there is something else"));
  PINSCOPE_TRY(const auto address, socket_address_in(directory, name, place.path));
  for (int i = 0; i < kTries; ++i) {
    PINSCOPE_TRY(const Fd probe, make_socket(place.type));
    if (::connect(probe.get(), generic(address), sizeof address) != 0 && errno != EAGAIN) return {};
    std::this_thread::sleep_for(kBetweenTries);
  }
  return std::unexpected(Error(refusal).reason("another process does"));
}

Result<Fd> listen_in(int directory, const std::string& name, const SocketPlace& place) {
  PINSCOPE_CHECK(check_place(directory, name, place));
  PINSCOPE_TRY(Fd fd, make_socket(place.type));
  // Under a name of its own until it is whole, so that nobody connects before its rights are set.
  const std::string new_name = "." + name + "." + std::to_string(::getpid());
  PINSCOPE_TRY(const auto address, socket_address_in(directory, new_name, place.path));
  (void)::unlinkat(directory, new_name.c_str(), 0);
  // The mode of the name that bind makes is that of the socket, less the umask.
  if (::fchmod(fd.get(), kRootAlone) != 0 ||
      ::bind(fd.get(), generic(address), sizeof address) != 0)
    return std::unexpected(cannot_listen(place.path, errno));
  const auto give_up = [&] {
    auto error = cannot_listen(place.path, errno);
    (void)::unlinkat(directory, new_name.c_str(), 0);
    return std::unexpected(std::move(error));
  };
  if (place.group &&
      ::fchownat(directory, new_name.c_str(), 0, *place.group, AT_SYMLINK_NOFOLLOW) != 0)
    return give_up();
  if (::fchmodat(directory, new_name.c_str(), place.group ? kGroupToo : kRootAlone, 0) != 0 ||
      ::listen(fd.get(), kBacklog) != 0 ||
      ::renameat(directory, new_name.c_str(), directory, name.c_str()) != 0)
    return give_up();
  return fd;
}

}  // namespace

Result<Fd> listen_at_socket(const SocketPlace& place) {
  const std::string parent(parent_of(place.path));
  PINSCOPE_TRY([[maybe_unused]] const Fd made, make_directory(parent, place.directory_mode));
  PINSCOPE_TRY(const Fd directory, open_trusted_directory(parent, ErrorCode::kSystem));
  return listen_in(directory.get(), std::string(base_name(place.path)), place);
}

}  // namespace pinscope
