// run() over real sockets, against a runtime that the test plays.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <thread>

#include "plugin/nri/plugin.h"
#include "tests/support/nri/peer.h"
#include "tests/support/nri/wire.h"
#include "tests/unit/nri/recording_plugin.h"

namespace pinscope::nri {
namespace {

using namespace test;
using std::chrono::milliseconds;
using testing::HasSubstr;

// A plugin that runs over one end of a socket pair, in a thread of its own.
class Running {
 public:
  Running() : peer(Fd(-1)) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    peer = Peer(Fd(ends[0]));
    thread_ = std::thread([this, end = ends[1]] {
      RunOptions options;
      options.identity = {"pinscope", "50"};
      options.connection = Fd(end);
      options.stop_fd = stop.get();
      result = run(plugin, std::move(options));
    });
  }
  ~Running() {
    if (thread_.joinable()) end();
  }
  void end() {
    ::eventfd_write(stop.get(), 1);
    thread_.join();
  }
  // Waits until run() has come back by itself.
  Status ended() {
    thread_.join();
    return std::move(result);
  }

  Peer peer;
  RecordingPlugin plugin;
  Fd stop{::eventfd(0, EFD_CLOEXEC)};
  Status result;

 private:
  std::thread thread_;
};

TEST(Run, HasAWholeConversation) {
  Running running;
  running.peer.welcome();
  running.peer.send(call(3, "CreateContainer", field(2, field(3, "app"))));
  EXPECT_EQ(running.peer.read().stream, 3U);
  running.peer.close();
  EXPECT_TRUE(running.ended());
  EXPECT_EQ(running.plugin.asked.back(), "disconnected: the runtime ended the connection");
}

TEST(Run, EndsWhenItIsTold) {
  Running running;
  running.peer.welcome();
  running.end();
  EXPECT_TRUE(running.result);
  EXPECT_EQ(running.peer.read().type, 0);
}

TEST(Run, EndsWithAnErrorInTheMiddleOfAMessage) {
  Running running;
  running.peer.welcome();
  running.peer.send(call(3, "CreateContainer", "").substr(0, 20));
  running.peer.close();
  const auto done = running.ended();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sentence(),
            "cannot read a message of the runtime: the connection ended in the middle of it");
}

TEST(Run, ClosesTheSocketAtGarbage) {
  Running running;
  running.peer.welcome();
  running.peer.send(std::string(64, '\xff'));
  EXPECT_EQ(running.peer.read().type, 0);
  EXPECT_FALSE(running.ended());
}

TEST(Run, GivesUpARuntimeThatStopsInTheMiddleOfAMessage) {
  Running running;
  running.peer.read();
  running.peer.send(
      accepted() + call(1, "Configure", field(2, "containerd") + field(3, "2.1.9") + field(5, 50)));
  running.peer.read();
  running.peer.send(call(3, "Shutdown", "").substr(0, 9));
  const auto done = running.ended();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().sentence(), HasSubstr("did not go on in time"));
}

// What came in the meantime counts, though nobody looked.
TEST(Run, DoesNotHoldTheTimeOfAHandlerAgainstTheRuntime) {
  Running running;
  running.peer.read();
  running.peer.send(accepted() + call(1, "Configure",
                                      field(2, "containerd") + field(3, "2.1.9") + field(5, 100)));
  running.peer.read();
  const std::string second = call(5, "CreateContainer", "");
  running.plugin.while_creating = [&] {
    if (running.plugin.asked.size() == 2) running.peer.send(second.substr(9));
    std::this_thread::sleep_for(milliseconds(150));  // a slow handler
  };
  running.peer.send(call(3, "CreateContainer", "") + second.substr(0, 9));
  EXPECT_EQ(running.peer.read().stream, 3U);
  EXPECT_EQ(running.peer.read().stream, 5U);
  running.end();
  EXPECT_TRUE(running.result);
}

// The runtime does not read, so that the socket's buffer fills up.
TEST(Run, GivesUpARuntimeThatDoesNotTakeAnswersAndKeepsNoMoreThanItMay) {
  Running running;
  running.plugin.adjustment.add_env()->set_value(std::string(100'000, 'x'));
  running.peer.read();
  running.peer.send(
      accepted() + call(1, "Configure", field(2, "containerd") + field(3, "2.1.9") + field(5, 50)));
  running.peer.read();
  const struct timeval timeout = {10, 0};
  ::setsockopt(running.peer.fd(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  for (uint32_t i = 0; i < 100; ++i) running.peer.send(call(3 + 2 * i, "CreateContainer", ""));
  const auto done = running.ended();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sentence(),
            "cannot send an answer to the runtime: the runtime did not go on in time");
  EXPECT_LT(running.plugin.asked.size(), 80U);
}

TEST(Run, AnswersAHundredCallsThatComeAtOnceInTheirOrder) {
  Running running;
  running.peer.welcome();
  std::thread sender([&] {
    std::string bytes;
    for (uint32_t i = 0; i < 100; ++i)
      bytes += call(3 + 2 * i, "CreateContainer",
                    field(2, field(3, "app") + entry(6, "long", std::string(20'000, 'x'))));
    running.peer.send(bytes);
  });
  for (uint32_t i = 0; i < 100; ++i) EXPECT_EQ(running.peer.read().stream, 3 + 2 * i);
  sender.join();
  running.end();
  EXPECT_TRUE(running.result);
}

TEST(Run, RefusesAnIdentityThatARuntimeWouldRefuse) {
  RecordingPlugin plugin;
  for (const Identity& identity :
       {Identity{"pinscope", "5"}, Identity{"pinscope", "5x"}, Identity{"", "50"},
        Identity{"pin scope", "50"}, Identity{"a/b", "50"}}) {
    RunOptions options;
    options.identity = identity;
    EXPECT_FALSE(run(plugin, std::move(options))) << identity.name;
  }
  EXPECT_EQ(check_identity({"pin scope", "50"}).error().sentence(),
            "cannot call an NRI plugin \"50-pin scope\": a name is letters, digits and _ . + -");
  EXPECT_EQ(check_identity({"a", "500"}).error().sentence(),
            "cannot call an NRI plugin \"500-a\": an index is two digits");
}

// A socket in a directory of its own.
class Listener {
 public:
  Listener() {
    std::string name = testing::TempDir() + "nri-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    path = name + "/nri.sock";
  }
  ~Listener() { std::filesystem::remove_all(directory_); }
  void listen() {
    socket_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    struct sockaddr_un address {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ::unlink(path.c_str());
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address),
              0);
    ASSERT_EQ(::listen(socket_.get(), 5), 0);
  }
  Peer accept() { return Peer(Fd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC))); }
  void stop() { socket_.reset(); }
  std::string path;

 private:
  std::filesystem::path directory_;
  Fd socket_;
};

TEST(Run, ComesBackWhenTheRuntimeWasRestarted) {
  Listener listener;
  RecordingPlugin plugin;
  const Fd stop(::eventfd(0, EFD_CLOEXEC));
  std::thread thread([&] {
    RunOptions options;
    options.identity = {"pinscope", "50"};
    options.socket_path = listener.path;
    options.stop_fd = stop.get();
    options.first_wait = milliseconds(5);
    options.longest_wait = milliseconds(20);
    EXPECT_TRUE(run(plugin, std::move(options)));
  });
  const std::string missing =
      "disconnected: cannot connect to \"" + listener.path + "\": No such file or directory";
  const std::string refused =
      "disconnected: cannot connect to \"" + listener.path + "\": Connection refused";
  constexpr milliseconds kSomeAttempts{60};
  EXPECT_TRUE(plugin.comes(missing));
  std::this_thread::sleep_for(kSomeAttempts);
  listener.listen();
  Peer first = listener.accept();
  first.welcome();
  listener.stop();
  first.close();
  EXPECT_TRUE(plugin.comes(refused));
  std::this_thread::sleep_for(kSomeAttempts);
  listener.listen();
  Peer second = listener.accept();
  second.welcome("2.1.10");
  ::eventfd_write(stop.get(), 1);
  thread.join();
  // Each reason once, however many attempts there were.
  EXPECT_THAT(plugin.asked, testing::ElementsAre(missing, "configure containerd 2.1.9",
                                                 "disconnected: the runtime ended the connection",
                                                 refused, "configure containerd 2.1.10"));
}

TEST(Run, EndsWhileItWaitsForARuntime) {
  Listener listener;
  RecordingPlugin plugin;
  const Fd stop(::eventfd(1, EFD_CLOEXEC));
  RunOptions options;
  options.identity = {"pinscope", "50"};
  options.socket_path = listener.path;
  options.stop_fd = stop.get();
  options.first_wait = options.longest_wait = std::chrono::hours(1);
  EXPECT_TRUE(run(plugin, std::move(options)));
}

TEST(Run, RefusesAPathThatNoSocketCanHave) {
  RecordingPlugin plugin;
  const Fd stop(::eventfd(1, EFD_CLOEXEC));
  RunOptions options;
  options.identity = {"pinscope", "50"};
  options.socket_path = "/" + std::string(200, 'x');
  options.stop_fd = stop.get();
  EXPECT_TRUE(run(plugin, std::move(options)));
  EXPECT_THAT(plugin.asked, testing::ElementsAre(HasSubstr("no socket can have this path")));
}

// --- Started by the runtime

Result<std::optional<Preinstalled>> with_environment(
    std::map<std::string, std::string> environment) {
  return preinstalled([environment](const char* name) -> const char* {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  });
}

TEST(Preinstalled, IsNotAssumedWithoutItsEnvironment) {
  const auto none = with_environment({{"PATH", "/bin"}});
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

TEST(Preinstalled, TakesTheSocketOver) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const Fd other(ends[0]);
  const auto plugin = with_environment({{"NRI_PLUGIN_NAME", "pinscope"},
                                        {"NRI_PLUGIN_IDX", "50"},
                                        {"NRI_PLUGIN_SOCKET", std::to_string(ends[1])}});
  ASSERT_TRUE(plugin) << plugin.error().sentence();
  ASSERT_TRUE(*plugin);
  EXPECT_EQ((*plugin)->identity.name, "pinscope");
  EXPECT_EQ((*plugin)->identity.index, "50");
  EXPECT_EQ((*plugin)->connection.get(), ends[1]);
  EXPECT_NE(::fcntl(ends[1], F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(::fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
}

TEST(Preinstalled, RefusesAnEnvironmentThatMakesNoSense) {
  EXPECT_EQ(with_environment({{"NRI_PLUGIN_SOCKET", "three"}}).error().sentence(),
            "cannot take over the socket of the NRI runtime: NRI_PLUGIN_SOCKET is \"three\", a "
            "descriptor was expected");
  EXPECT_FALSE(with_environment({{"NRI_PLUGIN_NAME", "a"}, {"NRI_PLUGIN_IDX", "50"}}));
  EXPECT_FALSE(with_environment(
      {{"NRI_PLUGIN_NAME", "a"}, {"NRI_PLUGIN_IDX", "50"}, {"NRI_PLUGIN_SOCKET", "1"}}));
  const Fd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const auto no_socket = with_environment({{"NRI_PLUGIN_NAME", "a"},
                                           {"NRI_PLUGIN_IDX", "50"},
                                           {"NRI_PLUGIN_SOCKET", std::to_string(file.get())}});
  ASSERT_FALSE(no_socket);
  EXPECT_EQ(no_socket.error().sentence(),
            "cannot use the NRI socket: Socket operation on non-socket");
}

}  // namespace
}  // namespace pinscope::nri
