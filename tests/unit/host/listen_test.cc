// One process listens at a socket, and the next as soon as that one has gone.
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <thread>

#include "plugin/host/unix_socket.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope {
namespace {

TEST(ListenAtSocket, IsRefusedWhereAnotherProcessDoes) {
  const test::TempDirectory directory(0700);
  const std::string path = directory.path("socket");
  const auto first = listen_at_socket({.path = path});
  ASSERT_TRUE(first) << first.error().sentence();
  const auto second = listen_at_socket({.path = path});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().sentence().find("another process does"), std::string::npos);
}

// A process that was killed while it started another one: that one has its socket until it is a
// program of its own.
TEST(ListenAtSocket, WaitsAMomentForWhoeverIsAboutToGo) {
  const test::TempDirectory directory(0700);
  const std::string path = directory.path("socket");
  auto first = listen_at_socket({.path = path});
  ASSERT_TRUE(first) << first.error().sentence();
  std::thread end([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    *first = Fd();
  });
  const auto second = listen_at_socket({.path = path});
  end.join();
  EXPECT_TRUE(second) << second.error().sentence();
}

}  // namespace
}  // namespace pinscope
