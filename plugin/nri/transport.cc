#include "plugin/nri/transport.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "plugin/base/text.h"

namespace pinscope::nri {
namespace {

Error cannot(const char* verb, int errnum) {
  return Error::system(std::string(verb) + " the NRI socket", errnum, ErrorCode::kProtocol);
}

}  // namespace

Result<Fd> connect_to(const std::string& path) {
  const std::string operation = "connect to " + quoted(path);
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return std::unexpected(
        Error(ErrorCode::kProtocol, operation).reason("no socket can have this path"));
  std::memcpy(address.sun_path, path.data(), path.size());
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // A connection to a unix socket is there at once or, with a full queue, not at all (EAGAIN).
  if (!socket.valid() ||
      ::connect(socket.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address) != 0)
    return std::unexpected(Error::system(operation, errno, ErrorCode::kProtocol));
  struct ucred peer {};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return std::unexpected(Error::system(operation, errno, ErrorCode::kProtocol));
  if (peer.uid != 0 && peer.uid != ::geteuid())
    return std::unexpected(Error(ErrorCode::kProtocol, operation)
                               .reason("it is served by uid " + std::to_string(peer.uid)));
  return socket;
}

Status prepare(int socket) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0)
    return std::unexpected(cannot("use", errno));
  if (type != SOCK_STREAM)
    return std::unexpected(
        Error(ErrorCode::kProtocol, "use the NRI socket").reason("it is no stream socket"));
  const int flags = ::fcntl(socket, F_GETFL);
  if (flags < 0 || ::fcntl(socket, F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(socket, F_SETFD, FD_CLOEXEC) != 0)
    return std::unexpected(cannot("use", errno));
  return {};
}

Result<Moved> read_some(int socket, std::span<char> buffer) {
  const ssize_t count = ::recv(socket, buffer.data(), buffer.size(), 0);
  if (count > 0) return Moved{static_cast<size_t>(count), false};
  if (count == 0) return Moved{0, true};
  if (errno == EAGAIN || errno == EINTR) return Moved{};
  // Closed with something from us unread: no less an end than the other.
  if (errno == ECONNRESET) return Moved{0, true};
  return std::unexpected(cannot("read from", errno));
}

Result<Moved> write_some(int socket, std::string_view bytes) {
  const ssize_t count = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count >= 0) return Moved{static_cast<size_t>(count), false};
  if (errno == EAGAIN || errno == EINTR) return Moved{};
  if (errno == EPIPE || errno == ECONNRESET) return Moved{0, true};
  return std::unexpected(cannot("write to", errno));
}

}  // namespace pinscope::nri
