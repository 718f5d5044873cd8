#include "plugin/inventory/follow_service.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

#include "plugin/base/fd.h"
#include "plugin/host/unix_socket.h"

namespace pinscope::inventory {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kShort{50};
constexpr milliseconds kLong{10'000};  // longer than anything here takes

// A state directory in which somebody, or nobody, says how the service is.
class FollowServiceSocket : public testing::Test {
 protected:
  FollowServiceSocket() {
    std::string path = std::filesystem::temp_directory_path() / "pinscope-follow-XXXXXX";
    state_ = ::mkdtemp(path.data());
    std::filesystem::create_directory(state_ + "/follow");
  }
  ~FollowServiceSocket() override {
    if (speaker_.joinable()) speaker_.join();
    listener_.reset();
    std::filesystem::remove_all(state_);
  }

  void listen() {
    listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    model::follow_status_path(state_).copy(static_cast<char*>(address.sun_path),
                                           sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener_.get(), 4), 0);
  }
  // Whoever asks is told this, `times` times with a pause after each, and the connection is closed.
  void say(std::string text, size_t times = 1, milliseconds pause = {}) {
    listen();
    speaker_ = std::thread([this, text = std::move(text), times, pause] {
      const Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      for (size_t i = 0; i < times; ++i) {
        if (::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) return;
        std::this_thread::sleep_for(pause);
      }
    });
  }
  Result<FollowService> look(milliseconds time) { return look_at_follow(state_, time); }

  std::string state_;
  Fd listener_;
  std::thread speaker_;
};

TEST_F(FollowServiceSocket, WasNeverThere) {
  const auto found = look(kLong);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->is_set_up);
}

TEST_F(FollowServiceSocket, IsAway) {
  listen();
  listener_.reset();
  const auto found = look(kLong);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->is_set_up);
  EXPECT_FALSE(found->listens);
  EXPECT_FALSE(found->status);
}

TEST_F(FollowServiceSocket, SaysHowItIs) {
  const model::FollowStatus status{.containers = 3, .sources = 2, .failed = 1};
  say(to_json(status));
  const auto found = look(kLong);
  ASSERT_TRUE(found) << found.error().sentence();
  EXPECT_TRUE(found->listens);
  EXPECT_EQ(found->status, status);
}

TEST_F(FollowServiceSocket, IsNotWaitedForWithoutEnd) {
  listen();
  const auto found = look(kShort);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->listens);
  EXPECT_FALSE(found->status);
}

// An answer of which each piece comes in time, and the end does not.
TEST_F(FollowServiceSocket, HasATimeForAllOfItsAnswer) {
  say(" ", 200, milliseconds(2));
  const auto found = look(milliseconds(100));
  ASSERT_TRUE(found) << "it is not read to its end, which is no status";
  EXPECT_TRUE(found->listens);
  EXPECT_FALSE(found->status);
}

TEST_F(FollowServiceSocket, IsNotReadWithoutEnd) {
  // White space, after which it would be a good one.
  say(std::string(size_t{100} << 10, ' ') + to_json(model::FollowStatus{}));
  const auto found = look(kLong);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->listens);
  EXPECT_FALSE(found->status);
}

TEST_F(FollowServiceSocket, IsNotUnderstood) {
  for (const char* text :
       {"", "{\"format\":1", "{\"format\":99}", "[]", "{\"format\":1,\"failed\":-1}"}) {
    std::filesystem::remove(model::follow_status_path(state_));
    say(text);
    EXPECT_FALSE(look(kLong)) << text;
    speaker_.join();
  }
}

}  // namespace
}  // namespace pinscope::inventory
