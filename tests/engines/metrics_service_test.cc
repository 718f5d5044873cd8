// pinscoped serving metrics: who may read them, what they say after real starts, and who cannot
// hold it up.
#include <arpa/inet.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>
#include <list>

#include "plugin/base/fd.h"
#include "plugin/host/unix_socket.h"
#include "tests/support/container/view_test.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/support/machine/wait.h"
#include "tests/support/nri/peer.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kDaemon = PINSCOPE_BIN_DIR "/pinscoped";

// A port of the loopback that is free now.
uint16_t free_port() {
  const Fd socket(check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  check(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), "bind");
  check(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  return ntohs(address.sin_port);
}

// Not connected, with errno, if that fails.
Fd connect_to(const std::string& path) {
  Fd socket(check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    socket.reset();
  return socket;
}

Fd connect_to(uint16_t port) {
  Fd socket(check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    socket.reset();
  return socket;
}

std::string ask(const Fd& socket, const std::string& host = "localhost") {
  const std::string request = "GET /metrics HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
  check(::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0 ? -1 : 0, "send");
  std::string answer;
  char bytes[65536];
  for (ssize_t count; (count = ::recv(socket.get(), bytes, sizeof bytes, 0)) > 0;)
    answer.append(bytes, static_cast<size_t>(count));
  return answer;
}

// What a user in these groups is told who connects; 0: nothing.
int errno_for_user(const std::string& path, const std::vector<gid_t>& groups) {
  const pid_t child = check(::fork(), "fork");
  if (child == 0) {
    if (::setgroups(groups.size(), groups.data()) != 0 || ::setgid(4000) != 0 ||
        ::setuid(4000) != 0)
      _exit(255);
    _exit(connect_to(path).valid() ? 0 : errno);
  }
  int status = 0;
  check(::waitpid(child, &status, 0), "wait");
  return WEXITSTATUS(status);
}

class MetricsService : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    pins_.map("/sys/fs/bpf/flows");
    installation_.write_policy(policy_text("select: {}\ngrants:\n  - {pin: /sys/fs/bpf/flows}\n"));
  }

  std::vector<std::string> argv(const std::string& address,
                                const std::vector<std::string>& more = {}) {
    std::vector<std::string> all = {kDaemon,
                                    "--metrics",
                                    address,
                                    "--policy",
                                    installation_.policy_directory(),
                                    "--cache-dir",
                                    installation_.cache_directory(),
                                    "--state-dir",
                                    installation_.state_directory(),
                                    "--audit",
                                    installation_.audit_path()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  // Runs it, does `work` while it serves, and ends it.
  CommandResult serve(const std::string& address, const std::vector<std::string>& more,
                      const std::function<bool()>& is_there, const std::function<void()>& work) {
    return Command(argv(address, more))
        .while_running([&](pid_t child) {
          EXPECT_TRUE(wait_until(is_there)) << "it does not serve";
          work();
          EXPECT_EQ(::kill(child, SIGTERM), 0);
        })
        .run();
  }
  CommandResult serve_socket(const std::vector<std::string>& more,
                             const std::function<void()>& work) {
    return serve(
        "unix:" + socket_, more, [&] { return connect_to(socket_).valid(); }, work);
  }

  TempDirectory directory_{0755};
  std::string socket_ = directory_.path("metrics/socket");
};

TEST_P(MetricsService, TellsWhatHasHappenedSinceTheLastScrape) {
  EXPECT_THAT(run({"id"}), Succeeds());
  const auto served = serve_socket({}, [&] {
    EXPECT_THAT(ask(connect_to(socket_)),
                AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                      HasSubstr("\npinscope_audit_lines_total{outcome=\"granted\"} 1\n")));
    EXPECT_THAT(run({"id"}), Succeeds());
    EXPECT_TRUE(wait_until([&] {
      return ask(connect_to(socket_))
                 .find("\npinscope_audit_lines_total{outcome=\"granted\"} 2\n") !=
             std::string::npos;
    }));
  });
  EXPECT_EQ(served.status, 0) << served;
}

TEST_P(MetricsService, LetsRootAloneReadItsSocket) {
  const auto served = serve_socket({}, [&] {
    struct stat status {};
    ASSERT_EQ(::stat(socket_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);
    EXPECT_EQ(status.st_uid, 0U);
    EXPECT_EQ(errno_for_user(socket_, {}), EACCES);
  });
  EXPECT_EQ(served.status, 0) << served;
}

TEST_P(MetricsService, LetsAGroupReadItsSocketIfItIsTold) {
  const auto served = serve_socket({"--metrics-group", "4242"}, [&] {
    struct stat status {};
    ASSERT_EQ(::stat(socket_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0660U);
    EXPECT_EQ(status.st_gid, 4242U);
    EXPECT_EQ(errno_for_user(socket_, {4242}), 0);
    EXPECT_EQ(errno_for_user(socket_, {4243}), EACCES);
  });
  EXPECT_EQ(served.status, 0) << served;
}

// What was left by one that was killed is replaced; one that lives is not.
TEST_P(MetricsService, TakesTheSocketOfNobodyWhoListens) {
  std::filesystem::create_directories(directory_.path("metrics"));
  {
    const Fd dead(check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket_.c_str(), socket_.size() + 1);
    check(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
  }
  const auto served = serve_socket({}, [&] {
    const auto second = test::run(argv("unix:" + socket_));
    EXPECT_EQ(second.status, 1);
    EXPECT_THAT(second.err, HasSubstr("another process does"));
    EXPECT_THAT(ask(connect_to(socket_)), StartsWith("HTTP/1.1 200"));
  });
  EXPECT_EQ(served.status, 0) << served;
}

TEST_P(MetricsService, TakesNoPlaceThatOthersMayWrite) {
  std::filesystem::create_directories(directory_.path("metrics"));
  check(::chmod(directory_.path("metrics").c_str(), 0777), "chmod");
  const auto open = test::run(argv("unix:" + socket_));
  EXPECT_EQ(open.status, 1);
  EXPECT_THAT(open.err, HasSubstr("it must be owned by root and writable by root alone"));
  check(::chmod(directory_.path("metrics").c_str(), 0755), "chmod");
  write_file(socket_, "precious");
  const auto file = test::run(argv("unix:" + socket_));
  EXPECT_EQ(file.status, 1);
  EXPECT_THAT(file.err, HasSubstr("there is something else"));
  EXPECT_EQ(read_file(socket_), "precious");
}

TEST_P(MetricsService, ServesTheLoopbackAndNoOtherAddress) {
  const uint16_t port = free_port();
  const std::string address = "127.0.0.1:" + std::to_string(port);
  const auto served = serve(
      address, {}, [&] { return connect_to(port).valid(); },
      [&] {
        EXPECT_THAT(ask(connect_to(port), address), StartsWith("HTTP/1.1 200"));
        EXPECT_THAT(ask(connect_to(port), "example.org:" + std::to_string(port)),
                    StartsWith("HTTP/1.1 403"));
      });
  EXPECT_EQ(served.status, 0) << served;
  const auto refused = test::run(argv("0.0.0.0:" + std::to_string(port)));
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("it is no address of the loopback"));
  const auto group = test::run(argv(address, {"--metrics-group", "0"}));
  EXPECT_EQ(group.status, 2);
  EXPECT_THAT(group.err, HasSubstr("--metrics names no Unix socket"));
}

// In a thread of its own there, which ends with the program.
TEST_P(MetricsService, ServesBesideTheEnginesPluginAsWell) {
  const auto served =
      serve_socket({"--nri", "--nri-socket", directory_.path("there-is-no-engine")}, [&] {
        EXPECT_THAT(run({"id"}), Succeeds());
        EXPECT_THAT(ask(connect_to(socket_)),
                    HasSubstr("\npinscope_audit_lines_total{outcome=\"granted\"} 1\n"));
        const Fd silent = connect_to(socket_);
        EXPECT_TRUE(silent.valid());
      });
  EXPECT_EQ(served.status, 0) << served;
  EXPECT_THAT(served.err, HasSubstr("there-is-no-engine"));
}

// All three parts in one process, each with its peer.
TEST_P(MetricsService, ServesBesideThePluginAndValues) {
  const std::string path = directory_.path("nri.sock");
  const Fd engine = std::move(listen_at_socket({.path = path})).value();
  const auto beside = [&](pid_t holder) {
    const auto served =
        serve_socket({"--nri", "--nri-socket", path, "--values", "--no-holder"}, [&] {
          struct pollfd one = {engine.get(), POLLIN, 0};
          ASSERT_EQ(::poll(&one, 1, 10'000), 1);
          nri::test::Peer peer(Fd(::accept4(engine.get(), nullptr, nullptr, SOCK_CLOEXEC)));
          peer.welcome();
          EXPECT_TRUE(wait_until([&] {
            return ask(connect_to(socket_)).find("\npinscope_values_up{part=\"service\"} 1\n") !=
                   std::string::npos;
          })) << ask(connect_to(socket_));
          EXPECT_THAT(run({"id"}), Succeeds());
        });
    EXPECT_EQ(served.status, 0) << served;
    EXPECT_EQ(::kill(holder, SIGTERM), 0);
  };
  const auto held = Command({kDaemon, "--hold", "--state-dir", installation_.state_directory()})
                        .while_running(beside)
                        .run();
  EXPECT_EQ(held.status, 0) << held;
}

TEST_P(MetricsService, IsHeldUpByNobody) {
  const auto served = serve_socket({}, [&] {
    std::list<Fd> silent;
    for (int i = 0; i < 100; ++i) {
      silent.push_back(connect_to(socket_));
      ASSERT_TRUE(silent.back().valid()) << i;
      if (i % 2 == 0) (void)::send(silent.back().get(), "GET /met", 8, MSG_NOSIGNAL);
    }
    EXPECT_THAT(ask(connect_to(socket_)), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(ask(connect_to(socket_)), StartsWith("HTTP/1.1 200"));
  });
  EXPECT_EQ(served.status, 0) << served;
}

PINSCOPE_EACH_RUNTIME(MetricsService);

}  // namespace
}  // namespace pinscope::test
