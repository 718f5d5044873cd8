// Waiting for what another process or thread does, where it gives no event of its own: a look every
// few milliseconds, and an end to it.
#pragma once

#include <chrono>
#include <thread>

namespace pinscope::test {

// Waits until `done` says so; false after `seconds`.
template <typename Done>
[[nodiscard]] bool wait_until(Done&& done, int seconds = 30) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace pinscope::test
