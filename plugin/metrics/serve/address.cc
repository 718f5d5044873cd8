#include "plugin/metrics/serve/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <limits>

#include "plugin/base/text.h"
#include "plugin/host/unix_socket.h"

namespace pinscope::metrics {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr int kBacklog = 32;
constexpr mode_t kDirectoryMode = 0755;
constexpr uint32_t kLoopbackNet = 127;
constexpr unsigned kNetShift = 24;

std::unexpected<Error> bad(std::string_view text, std::string reason) {
  return std::unexpected(Error(ErrorCode::kUsage, "serve metrics at " + quoted(text))
                             .reason(std::move(reason))
                             .hint("say unix:PATH, 127.0.0.1:PORT or [::1]:PORT"));
}

Result<Fd> make_socket(int family) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return std::unexpected(Error::system("make a socket", errno));
  return fd;
}

Error cannot(const std::string& what, const std::string& where) {
  return Error::system(what + " " + quoted(where), errno);
}

const struct sockaddr* generic(const void* address) {
  return static_cast<const struct sockaddr*>(address);
}

Result<Fd> listen_on_loopback(const Address& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  const std::string where =
      (is_v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
  PINSCOPE_TRY(Fd fd, make_socket(is_v6 ? AF_INET6 : AF_INET));
  const int on = 1;
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in v4 {};
  struct sockaddr_in6 v6 {};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(address.port);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = v4.sin_port;
  (void)::inet_pton(AF_INET, address.host.c_str(), &v4.sin_addr);
  (void)::inet_pton(AF_INET6, address.host.c_str(), &v6.sin6_addr);
  const int bound =
      is_v6 ? ::bind(fd.get(), generic(&v6), sizeof v6) : ::bind(fd.get(), generic(&v4), sizeof v4);
  if (bound != 0 || ::listen(fd.get(), kBacklog) != 0)
    return std::unexpected(cannot("listen at", where));
  return fd;
}

}  // namespace

bool is_loopback_address(const std::string& host) {
  struct in_addr v4 {};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1)
    return ntohl(v4.s_addr) >> kNetShift == kLoopbackNet;
  struct in6_addr v6 {};
  return ::inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

Result<Address> parse_address(std::string_view text) {
  Address address;
  if (text.starts_with(kUnix)) {
    address.path = text.substr(kUnix.size());
    if (!address.path.starts_with('/') || address.path.ends_with('/'))
      return bad(text, "the socket's path is not absolute");
    return address;
  }
  // What was meant shows.
  constexpr std::string_view kLocalhost = "localhost:";
  if (text.starts_with('/'))
    return bad(text, "it is a path: write " + std::string(kUnix) + one_line(text));
  if (text.starts_with(kLocalhost))
    return bad(text, "it is a name: write 127.0.0.1:" + one_line(text.substr(kLocalhost.size())));
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad(text, "it names no port");
  std::string_view host = text.substr(0, colon);
  const auto port = parse_unsigned(text.substr(colon + 1));
  if (!port || *port == 0 || *port > std::numeric_limits<uint16_t>::max())
    return bad(text, "the port is not between 1 and 65535");
  const bool in_brackets = host.starts_with('[') && host.ends_with(']');
  if (in_brackets) host = host.substr(1, host.size() - 2);
  address.host = host;
  address.port = static_cast<uint16_t>(*port);
  if (!is_loopback_address(address.host) ||
      in_brackets != (address.host.find(':') != std::string::npos))
    return bad(text,
               "it is no address of the loopback, and whoever reaches another one could read them");
  return address;
}

Result<Fd> listen_at(const Address& address, std::optional<gid_t> group) {
  if (address.path.empty()) return listen_on_loopback(address);
  return listen_at_socket({.path = address.path,
                           .type = SOCK_STREAM,
                           .directory_mode = kDirectoryMode,
                           .group = group});
}

}  // namespace pinscope::metrics
