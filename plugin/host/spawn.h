// How a program of ours starts another: it inherits nothing. posix_spawn(3) because a fork would
// copy the address space's tables.
#pragma once

#include <spawn.h>
#include <sys/types.h>

#include <chrono>
#include <optional>

namespace pinscope {

// The settings for posix_spawn(3): the given standard streams, every other descriptor closed, "/"
// as the working directory, a process group of its own, no signal blocked or ignored.
class SpawnSettings {
 public:
  // /dev/null in place of a standard stream.
  static constexpr int kNull = -1;

  SpawnSettings(int input, int output, int errors);
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings();

  [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

struct Ended {
  bool in_time = true;        // false: it was killed, with its process group
  std::optional<int> status;  // of waitpid(2); nothing if somebody else has reaped it
};
// Waits for a child that leads a process group of its own.
Ended wait_for_end(pid_t child, std::chrono::steady_clock::time_point deadline);

}  // namespace pinscope
