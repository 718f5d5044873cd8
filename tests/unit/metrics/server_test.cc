// The server with real sockets, and with clients that are slow, silent, rude and many.
#include "plugin/metrics/serve/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <list>
#include <thread>
#include <vector>

#include "plugin/base/fd.h"

namespace pinscope::metrics {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kGet = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

class MetricsServer : public testing::Test {
 protected:
  void SetUp() override {
    listener_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address_), size), 0);
    ASSERT_EQ(::listen(listener_.get(), 64), 0);
    ASSERT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address_), &size), 0);
    stop_ = Fd(::eventfd(0, EFD_CLOEXEC));
    options_.stop_fd = stop_.get();
    options_.make = [this](Text text) -> Result<std::string> {
      ++made_;
      if (fails_) return std::unexpected(Error(ErrorCode::kSystem, "look"));
      return text == Text::kOpenMetrics ? "open\n" : std::string(body_size_, 'x') + "\n";
    };
    options_.report = [this](const Error&) { ++reported_; };
  }
  void start() {
    server_ = std::thread([this] { ended_ = serve(listener_.get(), options_).has_value(); });
  }
  void TearDown() override {
    if (!server_.joinable()) return;
    ASSERT_EQ(::eventfd_write(stop_.get(), 1), 0);
    server_.join();
    EXPECT_TRUE(ended_);
  }

  [[nodiscard]] Fd connect() const {
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    // A test that would wait for ever fails instead.
    const timeval limit = {10, 0};
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    EXPECT_EQ(
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_), 0);
    return socket;
  }
  static void say(const Fd& socket, std::string_view text) {
    EXPECT_EQ(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // Up to the end of the connection.
  static std::string hear(const Fd& socket) {
    std::string all;
    char bytes[65536];
    for (ssize_t count; (count = ::recv(socket.get(), bytes, sizeof bytes, 0)) > 0;)
      all.append(bytes, static_cast<size_t>(count));
    return all;
  }
  [[nodiscard]] std::string ask(std::string_view request = kGet) const {
    const Fd socket = connect();
    say(socket, request);
    return hear(socket);
  }

  sockaddr_in address_{};
  Fd listener_;
  Fd stop_;
  ServeOptions options_;
  size_t body_size_ = 10;
  std::atomic<int> made_ = 0;
  std::atomic<int> reported_ = 0;
  std::atomic<bool> fails_ = false;
  std::atomic<bool> ended_ = false;
  std::thread server_;
};

TEST_F(MetricsServer, AnswersAndEndsTheConnection) {
  start();
  EXPECT_THAT(ask(), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), EndsWith("\r\n\r\nxxxxxxxxxx\n")));
  EXPECT_THAT(ask("GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text\r\n\r\n"),
              AllOf(HasSubstr("application/openmetrics-text"), EndsWith("\r\n\r\nopen\n")));
  EXPECT_THAT(ask("HEAD /metrics HTTP/1.1\r\n\r\n"), EndsWith("\r\n\r\n"));
  EXPECT_THAT(ask("GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(ask("rubbish\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(ask(std::string(100'000, 'x')), testing::AnyOf("", StartsWith("HTTP/1.1 400")));
}

TEST_F(MetricsServer, TakesARequestInPieces) {
  start();
  const Fd socket = connect();
  for (const char byte : std::string_view(kGet)) say(socket, {&byte, 1});
  EXPECT_THAT(hear(socket), StartsWith("HTTP/1.1 200"));
}

TEST_F(MetricsServer, IsNotHeldUpByClientsThatSayNothing) {
  options_.max_clients = 4;
  options_.time_to_ask = 1h;
  start();
  std::list<Fd> silent;
  for (int i = 0; i < 50; ++i) silent.push_back(connect());
  ASSERT_THAT(ask(), StartsWith("HTTP/1.1 200"));
  for (int i = 0; i < 50; ++i) {
    silent.push_back(connect());
    say(silent.back(), "GET /met");
  }
  EXPECT_THAT(ask(), StartsWith("HTTP/1.1 200"));
}

TEST_F(MetricsServer, EndsAConnectionThatSaysTooLittle) {
  options_.time_to_ask = 50ms;
  start();
  const Fd socket = connect();
  say(socket, "GET /met");
  EXPECT_EQ(hear(socket), "");
}

TEST_F(MetricsServer, IsNotHeldUpByClientsThatDoNotTakeTheirAnswer) {
  body_size_ = 3 << 20;  // more than a socket's buffers
  options_.max_clients = 4;
  options_.time_to_take = 1h;
  start();
  std::list<Fd> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(connect());
    say(slow.back(), kGet);
  }
  EXPECT_THAT(ask(), EndsWith("xx\n"));
}

TEST_F(MetricsServer, EndsAConnectionThatTakesTooLong) {
  body_size_ = 16 << 20;
  options_.time_to_take = 0ms;
  start();
  const Fd socket = connect();
  say(socket, kGet);
  EXPECT_LT(hear(socket).size(), body_size_);
}

TEST_F(MetricsServer, MakesOneTextForManyWhoAsk) {
  options_.fresh_for = 1h;
  start();
  for (int i = 0; i < 20; ++i) EXPECT_THAT(ask(), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(made_, 1);
  EXPECT_THAT(ask("GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text\r\n\r\n"),
              EndsWith("open\n"));
  EXPECT_EQ(made_, 2);
}

TEST_F(MetricsServer, MakesANewTextWhenTheOldOneIsOld) {
  options_.fresh_for = 0ms;
  start();
  for (int i = 0; i < 3; ++i) EXPECT_THAT(ask(), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(made_, 3);
}

TEST_F(MetricsServer, SaysThatThereAreNoneNow) {
  options_.fresh_for = 0ms;
  fails_ = true;
  start();
  EXPECT_THAT(ask(), StartsWith("HTTP/1.1 503"));
  EXPECT_EQ(reported_, 1);
  fails_ = false;
  EXPECT_THAT(ask(), StartsWith("HTTP/1.1 200"));
}

TEST_F(MetricsServer, RefusesAnotherHostsNameIfItIsTold) {
  options_.host_rule = HostRule::kLoopback;
  start();
  EXPECT_THAT(ask("GET /metrics HTTP/1.1\r\nHost: example.org\r\n\r\n"),
              StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(ask(), StartsWith("HTTP/1.1 200"));
}

TEST_F(MetricsServer, GoesOnAfterClientsThatVanish) {
  body_size_ = 3 << 20;
  start();
  for (int i = 0; i < 20; ++i) {
    const Fd socket = connect();
    const linger at_once = {1, 0};
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (i % 2 == 0) say(socket, kGet);
  }
  EXPECT_THAT(ask(), StartsWith("HTTP/1.1 200"));
}

TEST_F(MetricsServer, ServesManyAtOnce) {
  start();
  std::vector<std::thread> clients;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i)
    clients.emplace_back([&] {
      for (int j = 0; j < 20; ++j)
        if (ask().starts_with("HTTP/1.1 200")) ++good;
    });
  for (auto& client : clients) client.join();
  EXPECT_EQ(good, 160);
}

}  // namespace
}  // namespace pinscope::metrics
