// The service's side of the holder: takes the leases that it has, tells it what is to be kept, and
// hands leases over to a new holder if the old one has ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/values/hold/message.h"

namespace pinscope::hold {

// How long a holder may take for an answer.
inline constexpr std::chrono::milliseconds kTimeToAnswer{4000};

struct GivenLease {
  uint64_t number = 0;
  std::string id;               // of the container, for people
  std::vector<Fd> descriptors;  // kDevice, kDescription, and what the description counts
  std::string init;             // the request INIT of its file system; empty: not taken yet
};

class Service {
 public:
  // Becomes the holder's service, over a connection to its socket. kHolder: it does not answer, or
  // it has a service (EBUSY).
  static Result<Service> begin(Fd socket);

  [[nodiscard]] int fd() const { return socket_.get(); }
  // The request buffer, once: see SharedRequest::map().
  Fd take_buffer() { return std::move(buffer_); }

  // The next lease that has come whole; nothing: later. An error (kHolder) is the end of the
  // connection.
  Result<std::optional<GivenLease>> next();

  // Both tell the holder without waiting for long; an error (kHolder) is the end of the connection.
  Status keep_init(uint64_t number, std::span<const std::byte> init);
  Status ended(uint64_t number);

  // Gives the holder a lease that an earlier one had, under its number. The errno of its refusal,
  // 0: it keeps it. An error (kHolder) is the end of the connection.
  Result<int> adopt(const GivenLease& lease);

 private:
  explicit Service(Fd socket) : socket_(std::move(socket)) {}
  Status send(const Message& message, std::span<const int> descriptors = {});
  Result<Message> answer();

  Fd socket_;
  Fd buffer_;
  std::deque<Received> waiting_;    // came while an answer was waited for
  std::optional<GivenLease> half_;  // of which not all has come
  uint32_t expected_ = 0;           // descriptors of it
};

}  // namespace pinscope::hold
