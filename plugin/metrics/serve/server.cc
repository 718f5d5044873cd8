#include "plugin/metrics/serve/server.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "plugin/base/fd.h"

namespace pinscope::metrics {
namespace {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
constexpr size_t kBuffer = 4096;
constexpr std::chrono::milliseconds kPauseWithoutDescriptors{200};

struct Client {
  Fd socket;
  Time until;
  std::string request = {};
  std::shared_ptr<const std::string> answer = {};  // one text may be for many
  size_t sent = 0;
  bool is_done = false;
};

class Server {
 public:
  Server(int listener, const ServeOptions& options) : listener_(listener), options_(options) {}

  Status run() {
    for (;;) {
      PINSCOPE_TRY(const bool goes_on, wait());
      if (!goes_on) return {};
      // Whoever has asked by now is answered first: a text that took long to make holds nobody's
      // time up.
      for (auto& client : clients_) serve(client);
      const Time now = Clock::now();
      std::erase_if(clients_,
                    [&](const Client& client) { return client.is_done || client.until <= now; });
    }
  }

 private:
  // Until something happens; false: it was told to end.
  Result<bool> wait() {
    std::vector<struct pollfd> fds = {{options_.stop_fd, POLLIN, 0}};
    const bool pauses = Clock::now() < accept_from_;
    fds.push_back({pauses ? -1 : listener_, POLLIN, 0});
    for (const auto& client : clients_)
      fds.push_back({client.socket.get(),
                     static_cast<short>(client.answer == nullptr ? POLLIN : POLLOUT), 0});
    const int ready = ::poll(fds.data(), fds.size(), timeout(pauses));
    if (ready < 0 && errno != EINTR)
      return std::unexpected(Error::system("wait for scrapers", errno));
    if (ready <= 0) return true;
    if (fds[0].revents != 0) return false;
    if ((fds[1].revents & (POLLERR | POLLNVAL)) != 0)
      return std::unexpected(Error::system("wait for scrapers", EBADF));
    if (fds[1].revents != 0) accept_all();
    return true;
  }

  [[nodiscard]] int timeout(bool pauses) const {
    std::optional<Time> first;
    for (const auto& client : clients_)
      first = std::min(first.value_or(client.until), client.until);
    if (pauses) first = std::min(first.value_or(accept_from_), accept_from_);
    if (!first) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*first - Clock::now()).count();
    return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
  }

  // One by one: each that has asked already is answered before another one can take its place.
  void accept_all() {
    for (size_t i = 0; i < options_.max_clients; ++i) {
      Fd socket(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!socket.valid()) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
          accept_from_ = Clock::now() + kPauseWithoutDescriptors;
        return;
      }
      make_room();
      clients_.push_back({std::move(socket), Clock::now() + options_.time_to_ask});
      serve(clients_.back());
    }
  }

  void make_room() {
    std::erase_if(clients_, [](const Client& client) { return client.is_done; });
    if (clients_.size() < options_.max_clients) return;
    // The oldest that has not asked yet, or else the oldest.
    auto oldest = std::ranges::find_if(
        clients_, [](const Client& client) { return client.answer == nullptr; });
    if (oldest == clients_.end()) oldest = clients_.begin();
    clients_.erase(oldest);
  }

  void serve(Client& client) {
    if (client.is_done) return;
    if (client.answer == nullptr) read(client);
    if (client.answer != nullptr) write(client);
  }

  void read(Client& client) {
    char bytes[kBuffer];
    while (client.answer == nullptr) {
      const ssize_t count = ::recv(client.socket.get(), bytes, sizeof bytes, 0);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      if (count <= 0) {
        client.is_done = true;
        return;
      }
      client.request.append(bytes, static_cast<size_t>(count));
      answer(client);
    }
  }

  void answer(Client& client) {
    const auto request = read_request(client.request);
    if (request && !*request) return;
    client.request.clear();
    if (!request) {
      give(client, answer_bad_request());
    } else if (auto refused = refusal_of(**request, options_.host_rule)) {
      give(client, *std::move(refused));
    } else if ((*request)->method == "HEAD") {
      give(client, answer_with("", wanted_text((*request)->accept), false));
    } else {
      client.answer = text(wanted_text((*request)->accept));
      client.until = Clock::now() + options_.time_to_take;
    }
  }

  void give(Client& client, std::string answer) {
    client.answer = std::make_shared<const std::string>(std::move(answer));
    client.until = Clock::now() + options_.time_to_take;
  }

  std::shared_ptr<const std::string> text(Text wanted) {
    Made& made = made_[wanted];
    if (made.answer != nullptr && Clock::now() < made.at + options_.fresh_for) return made.answer;
    auto text = options_.make(wanted);
    made.at = Clock::now();
    if (!text) options_.report(text.error());
    made.answer = std::make_shared<const std::string>(text ? answer_with(*text, wanted, true)
                                                           : answer_unavailable());
    return made.answer;
  }

  void write(Client& client) {
    while (client.sent < client.answer->size()) {
      const ssize_t count =
          ::send(client.socket.get(), client.answer->data() + client.sent,
                 client.answer->size() - client.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      if (count < 0) break;
      client.sent += static_cast<size_t>(count);
    }
    // What the client has sent meanwhile would make closing a reset, which takes the answer back.
    (void)::shutdown(client.socket.get(), SHUT_WR);
    char bytes[kBuffer];
    (void)::recv(client.socket.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    client.is_done = true;
  }

  struct Made {
    std::shared_ptr<const std::string> answer;
    Time at;
  };

  const int listener_;
  const ServeOptions& options_;
  std::list<Client> clients_;  // the oldest first
  std::map<Text, Made> made_;
  Time accept_from_;
};

}  // namespace

Status serve(int listener, const ServeOptions& options) {
  return Server(listener, options).run();
}

}  // namespace pinscope::metrics
