#include "plugin/daemon/status_socket.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "plugin/host/unix_socket.h"

namespace pinscope::daemon {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kMaxClients = 16;
constexpr std::chrono::milliseconds kTimeForAll{10'000};

}  // namespace

Result<StatusSocket> StatusSocket::open(const std::string& path) {
  PINSCOPE_TRY(
      Fd listener,
      listen_at_socket({.path = path, .type = SOCK_STREAM, .directory_mode = 0700, .group = {}}));
  return StatusSocket(std::move(listener));
}

void StatusSocket::add_to(std::vector<struct pollfd>& fds) const {
  fds.push_back({clients_.size() < kMaxClients ? listener_.get() : -1, POLLIN, 0});
  for (const Client& client : clients_)
    fds.push_back({client.socket.get(), static_cast<short>(client.text ? POLLOUT : 0), 0});
}

void StatusSocket::serve(const struct pollfd* fds) {
  const bool comes = fds->revents != 0;
  for (Client& client : clients_) {
    const short events = (++fds)->revents;
    if ((events & POLLOUT) != 0) send(client);
    if ((events & (POLLERR | POLLHUP)) != 0) client.is_done = true;
  }
  if (comes) {
    Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket.valid()) clients_.push_back({std::move(socket), Clock::now()});
  }
}

void StatusSocket::send(Client& client) {
  while (client.sent < client.text->size()) {
    const ssize_t count = ::send(client.socket.get(), client.text->data() + client.sent,
                                 client.text->size() - client.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) break;
    client.sent += static_cast<size_t>(count);
  }
  client.is_done = true;
}

bool StatusSocket::is_asked() const {
  return std::ranges::any_of(clients_, [](const Client& client) { return !client.text; });
}

std::chrono::milliseconds StatusSocket::waited() const {
  auto first = Clock::now();
  for (const Client& client : clients_)
    if (!client.text) first = std::min(first, client.since);
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - first);
}

void StatusSocket::answer(const std::shared_ptr<const std::string>& text) {
  for (Client& client : clients_) {
    if (client.text) continue;
    client.text = text;
    send(client);
  }
}

int StatusSocket::expire() {
  const auto now = Clock::now();
  std::erase_if(clients_, [&](const Client& client) {
    return client.is_done || client.since + kTimeForAll <= now;
  });
  if (clients_.empty()) return -1;
  const auto left = clients_.front().since + kTimeForAll - now;  // the oldest comes first
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

}  // namespace pinscope::daemon
