// The runtime's end of an NRI socket, as a test plays it.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugin/base/fd.h"
#include "tests/support/nri/wire.h"

namespace pinscope::nri::test {

// Reads wait five seconds at most.
class Peer {
 public:
  explicit Peer(Fd socket) : socket_(std::move(socket)) {
    const struct timeval timeout = {5, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
  }
  // The next message of the plugin; one with type 0 at the end.
  Decoded read() {
    while (messages_.empty()) {
      char buffer[4096];
      const ssize_t count = ::recv(socket_.get(), buffer, sizeof buffer, 0);
      if (count <= 0) return {};
      bytes_.append(buffer, static_cast<size_t>(count));
      Taken taken = take_apart(bytes_);
      if (!taken.complete) continue;
      bytes_.clear();
      for (Decoded& one : taken.messages) messages_.push_back(std::move(one));
    }
    Decoded first = std::move(messages_.front());
    messages_.erase(messages_.begin());
    return first;
  }
  // As a runtime: takes the registration, configures.
  void welcome(const std::string& version = "2.1.9") {
    EXPECT_EQ(read().connection, 2U);
    send(accepted() + call(1, "Configure", field(2, "containerd") + field(3, version)));
    EXPECT_EQ(read().stream, 1U);
  }
  void close() { socket_.reset(); }
  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  Fd socket_;
  std::string bytes_;
  std::vector<Decoded> messages_;
};

}  // namespace pinscope::nri::test
