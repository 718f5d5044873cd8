#include "plugin/values/hold/service.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace pinscope::hold {
namespace {

Error of_holder(Error error) {
  return std::move(error).with_code(ErrorCode::kHolder).in("use the holder of values");
}

std::unexpected<Error> broken() {
  return std::unexpected(of_holder(Error::system("understand a message", EPROTO)));
}

Deadline answer_until() {
  return std::chrono::steady_clock::now() + kTimeToAnswer;
}

}  // namespace

Result<Service> Service::begin(Fd socket) {
  Service service(std::move(socket));
  PINSCOPE_CHECK(service.send({.kind = Kind::kServe}));
  auto received = receive_until(service.fd(), answer_until());
  if (!received) return std::unexpected(of_holder(std::move(received).error()));
  if (received->message.kind != Kind::kAnswer) return broken();
  if (const int errnum = received->message.error; errnum != 0)
    return std::unexpected(of_holder(Error::system("be its service", errnum)));
  if (received->descriptors.size() != 1) return broken();
  service.buffer_ = std::move(received->descriptors.front());
  return service;
}

Status Service::send(const Message& message, std::span<const int> descriptors) {
  auto sent = send_until(fd(), message, descriptors, answer_until());
  if (!sent) return std::unexpected(of_holder(std::move(sent).error()));
  return {};
}

Result<std::optional<GivenLease>> Service::next() {
  for (;;) {
    Received received;
    if (!waiting_.empty()) {
      received = std::move(waiting_.front());
      waiting_.pop_front();
    } else {
      auto came = receive_now(fd());
      if (!came && came.error().errnum() == EAGAIN) return std::nullopt;
      if (!came) return std::unexpected(of_holder(std::move(came).error()));
      received = *std::move(came);
    }
    const Message& message = received.message;
    if (message.kind == Kind::kLease) {
      // One that was not whole has ended meanwhile.
      half_ = GivenLease{.number = message.lease,
                         .id = std::string(message.view()),
                         .descriptors = {},
                         .init = {}};
      expected_ = message.count;
      continue;
    }
    if (!half_ || half_->number != message.lease) return broken();
    if (message.kind == Kind::kDescriptors) {
      std::ranges::move(received.descriptors, std::back_inserter(half_->descriptors));
    } else if (message.kind == Kind::kInit) {
      half_->init = message.view();
    } else if (message.kind == Kind::kLeaseDone && half_->descriptors.size() == expected_ &&
               expected_ >= kMinDescriptors) {
      return std::exchange(half_, std::nullopt);
    } else {
      return broken();
    }
  }
}

Status Service::keep_init(uint64_t number, std::span<const std::byte> init) {
  Message message{.kind = Kind::kInit, .lease = number};
  message.set_text({reinterpret_cast<const char*>(init.data()), init.size()});
  return send(message);
}

Status Service::ended(uint64_t number) {
  return send({.kind = Kind::kEnded, .lease = number});
}

Result<Message> Service::answer() {
  const Deadline deadline = answer_until();
  for (;;) {
    auto received = receive_until(fd(), deadline);
    if (!received) return std::unexpected(of_holder(std::move(received).error()));
    if (received->message.kind == Kind::kAnswer) return received->message;
    waiting_.push_back(*std::move(received));
  }
}

Result<int> Service::adopt(const GivenLease& lease) {
  Message message{.kind = Kind::kBegin, .lease = lease.number};
  message.set_text(lease.id);
  PINSCOPE_CHECK(send(message));
  std::vector<int> numbers(lease.descriptors.size());
  std::ranges::transform(lease.descriptors, numbers.begin(), &Fd::get);
  for (std::span<const int> rest = numbers; !rest.empty();) {
    const auto piece = rest.first(std::min(rest.size(), kMaxPiece));
    PINSCOPE_CHECK(send({.kind = Kind::kDescriptors}, piece));
    rest = rest.subspan(piece.size());
  }
  if (!lease.init.empty())
    PINSCOPE_CHECK(keep_init(lease.number, std::as_bytes(std::span(lease.init))));
  PINSCOPE_CHECK(
      send({.kind = Kind::kDone, .count = static_cast<uint32_t>(lease.descriptors.size())}));
  PINSCOPE_TRY(const Message said, answer());
  return said.error;
}

}  // namespace pinscope::hold
