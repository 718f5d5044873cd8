#include "plugin/values/hold/holder.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "plugin/values/hold/feed.h"
#include "plugin/values/hold/message.h"

namespace pinscope::hold {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPauseWithoutDescriptors{200};
// How much of one peer is read before the others have their turn.
constexpr size_t kMessagesInTurn = 32;

struct Peer {
  Fd socket;
  Deadline until;  // of one that is no service
  bool is_service = false;
  bool is_done = false;
  std::optional<Lease> begun = {};  // a put that is not finished
  uint64_t number = 0;              // that it has already, from an earlier holder
};

class Holder {
 public:
  Holder(int listener, const HolderOptions& options) : listener_(listener), options_(options) {}

  Status run() {
    look_at_ = Clock::now() + options_.time_to_look;
    tell();
    for (;;) {
      PINSCOPE_TRY(const bool goes_on, wait());
      if (!goes_on) return {};
      if (Clock::now() >= look_at_) look();
      for (Peer& peer : peers_) expire(peer);
      for (Peer& peer : peers_)
        if (peer.is_done && peer.is_service) end_service();
      std::erase_if(peers_, [](const Peer& peer) { return peer.is_done; });
      tell();
    }
  }

 private:
  // Until something happens, which is then done; false: it was told to end.
  Result<bool> wait() {
    const bool may_accept =
        peers_.size() < options_.max_connections && Clock::now() >= accept_from_;
    std::vector<struct pollfd> fds = {{options_.stop_fd, POLLIN, 0},
                                      {may_accept ? listener_ : -1, POLLIN, 0}};
    for (const Peer& peer : peers_) {
      const bool sends = peer.is_service && !is_stuck_ && feed_.has_more(leases_);
      fds.push_back({peer.socket.get(), static_cast<short>(sends ? POLLIN | POLLOUT : POLLIN), 0});
    }
    const int ready = ::poll(fds.data(), fds.size(), time_left());
    if (ready < 0 && errno != EINTR)
      return std::unexpected(Error::system("wait for what comes to the holder", errno));
    is_stuck_ = false;
    if (ready <= 0) return true;
    if (fds[0].revents != 0) return false;
    if ((fds[1].revents & (POLLERR | POLLNVAL)) != 0)
      return std::unexpected(Error::system("listen", EBADF));
    size_t at = 2;
    for (Peer& peer : peers_) serve(peer, fds[at++].revents);
    if (fds[1].revents != 0) accept_one();
    return true;
  }

  // Milliseconds, for poll.
  [[nodiscard]] int time_left() const {
    Deadline first = look_at_;
    for (const Peer& peer : peers_)
      if (!peer.is_service) first = std::min(first, peer.until);
    if (accept_from_ > Clock::now()) first = std::min(first, accept_from_);
    if (is_stuck_) first = std::min(first, Clock::now() + kPauseWithoutDescriptors);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(first - Clock::now()).count();
    return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
  }

  void accept_one() {
    Fd socket(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket.valid()) {
      if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
        accept_from_ = Clock::now() + kPauseWithoutDescriptors;
      return;
    }
    struct ucred peer {};
    socklen_t size = sizeof peer;
    const bool may = ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
                     peer.uid == options_.peer;
    if (!may) return;
    peers_.push_back({std::move(socket), Clock::now() + options_.time_to_put});
  }

  void serve(Peer& peer, short events) {
    if ((events & POLLOUT) != 0) feed(peer);
    if ((events & ~POLLOUT) == 0) return;
    for (size_t i = 0; i < kMessagesInTurn && !peer.is_done; ++i) {
      auto received = receive_now(peer.socket.get());
      if (received) {
        take(peer, *std::move(received));
        continue;
      }
      if (received.error().errnum() == EAGAIN) return;
      // Of what was begun nothing is kept, and the peer is told, if it is still there.
      refuse(peer, received.error().errnum());
    }
  }

  void feed(Peer& peer) {
    const int errnum = feed_.send(peer.socket.get(), leases_);
    is_stuck_ = errnum == EAGAIN;
    if (errnum != 0 && errnum != EAGAIN) peer.is_done = true;
  }

  void refuse(Peer& peer, int errnum) {
    (void)send_now(peer.socket.get(), {.kind = Kind::kAnswer, .error = errnum});
    peer.is_done = true;
  }

  void take(Peer& peer, Received received) {
    const Message& message = received.message;
    const bool may_have_descriptors = message.kind == Kind::kDescriptors;
    if (!may_have_descriptors && !received.descriptors.empty()) return refuse(peer, EPROTO);
    switch (message.kind) {
      case Kind::kBegin:
        return begin(peer, message);
      case Kind::kDescriptors:
        return add(peer, std::move(received.descriptors));
      case Kind::kInit:
        return take_init(peer, message);
      case Kind::kDone:
        return finish(peer, message);
      case Kind::kServe:
        return begin_service(peer);
      case Kind::kEnded:
        if (!peer.is_service) return refuse(peer, EPROTO);
        return leases_.end(message.lease);
      case Kind::kAnswer:
      case Kind::kLease:
      case Kind::kLeaseDone:
      case Kind::kHolder:
      case Kind::kServing:
      case Kind::kHolderGone:
      case Kind::kStatus:
      case Kind::kSetAside:
        break;
    }
    refuse(peer, EPROTO);
  }

  void begin(Peer& peer, const Message& message) {
    if (peer.begun || (message.lease != 0 && !peer.is_service)) return refuse(peer, EPROTO);
    peer.begun.emplace();
    peer.number = message.lease;
    peer.begun->id = message.view();
    peer.begun->is_from_service = peer.is_service;
  }

  void add(Peer& peer, std::vector<Fd> descriptors) {
    if (!peer.begun || descriptors.empty()) return refuse(peer, EPROTO);
    auto& all = peer.begun->descriptors;
    if (all.size() + descriptors.size() > kMaxDescriptors) return refuse(peer, E2BIG);
    std::ranges::move(descriptors, std::back_inserter(all));
  }

  void take_init(Peer& peer, const Message& message) {
    Lease* lease = peer.begun ? &*peer.begun : leases_.find(message.lease);
    if (!peer.is_service) return refuse(peer, EPROTO);
    // One that has ended meanwhile is no mistake.
    if (lease != nullptr) lease->init = message.view();
  }

  void finish(Peer& peer, const Message& message) {
    if (!peer.begun || message.count != peer.begun->descriptors.size()) return refuse(peer, EPROTO);
    Lease lease = *std::exchange(peer.begun, std::nullopt);
    Message answer{.kind = Kind::kAnswer, .lease = std::exchange(peer.number, 0)};
    answer.error = leases_.add(std::move(lease), answer.lease);
    const int errnum = send_now(peer.socket.get(), answer);
    if (!peer.is_service || errnum != 0) peer.is_done = true;
  }

  void begin_service(Peer& peer) {
    if (peer.begun || peer.is_service) return refuse(peer, EPROTO);
    // One that has gone is not in the way of the next.
    for (Peer& other : peers_)
      if (other.is_service && is_gone(other)) end_service();
    if (request_.valid()) return refuse(peer, EBUSY);
    auto made = SharedRequest::make();
    if (!made) return refuse(peer, made.error().errnum());
    const int memory[] = {made->fd()};
    if (send_now(peer.socket.get(), {.kind = Kind::kAnswer}, memory) != 0) {
      peer.is_done = true;
      return;
    }
    request_ = *std::move(made);
    peer.is_service = true;
    feed_ = Feed();
  }

  // What it has said before it went counts.
  bool is_gone(Peer& service) {
    struct pollfd one = {service.socket.get(), 0, 0};
    if (::poll(&one, 1, 0) == 0) return false;
    while (!service.is_done) serve(service, POLLIN);
    return true;
  }

  // Once for each service: what it has taken and not answered is seen to, so that nobody waits for
  // ever.
  void end_service() {
    if (!request_.valid()) return;
    salvage_.take(request_.bytes(), leases_);
    request_ = SharedRequest();
    leases_.forget_service();
  }

  void expire(Peer& peer) const {
    if (!peer.is_service && !peer.is_done && peer.until <= Clock::now()) peer.is_done = true;
  }

  void look() {
    leases_.end_all();
    look_at_ = Clock::now() + options_.time_to_look;
    if (options_.alive) options_.alive();
  }

  void tell() {
    const std::pair<size_t, bool> now = {leases_.size(), request_.valid()};
    if (now == told_ || !options_.changed) return;
    told_ = now;
    options_.changed(now.first, now.second);
  }

  const int listener_;
  const HolderOptions& options_;
  std::list<Peer> peers_;
  Leases leases_;
  Feed feed_;              // for the service that is there
  SharedRequest request_;  // valid while a service is there
  Salvage salvage_;
  bool is_stuck_ = false;  // the service could not be given more just now
  Deadline look_at_;
  Deadline accept_from_;
  std::optional<std::pair<size_t, bool>> told_;
};

}  // namespace

Status hold(int listener, const HolderOptions& options) {
  return Holder(listener, options).run();
}

}  // namespace pinscope::hold
