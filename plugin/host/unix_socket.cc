#include "plugin/host/unix_socket.h"

#include <fcntl.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"

namespace pinscope {

Result<struct sockaddr_un> socket_address_in(int directory, const std::string& name,
                                             const std::string& path) {
  struct sockaddr_un address {};
  const std::string there = "/proc/self/fd/" + std::to_string(directory) + "/" + name;
  if (there.size() >= sizeof address.sun_path)
    return std::unexpected(Error::system("use " + quoted(path) + " as a socket", ENAMETOOLONG));
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, there.c_str(), there.size() + 1);
  return address;
}

Result<Fd> connect_to_socket(const std::string& path, int type, std::chrono::milliseconds timeout) {
  PINSCOPE_TRY(const Fd directory,
               open_at(AT_FDCWD, std::string(parent_of(path)), O_PATH | O_DIRECTORY));
  PINSCOPE_TRY(const auto address,
               socket_address_in(directory.get(), std::string(base_name(path)), path));
  Fd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  const struct timeval limit {
    seconds.count(), std::chrono::microseconds(timeout - seconds).count()
  };
  if (!fd.valid() || ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
      ::connect(fd.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof address) != 0)
    return std::unexpected(Error::system("connect to " + quoted(path), errno));
  return fd;
}

}  // namespace pinscope
