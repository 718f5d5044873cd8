// How a program of ours starts another: it inherits nothing. posix_spawn(3) because a fork would
// copy the address space's tables.
#pragma once

#include <spawn.h>

namespace pinscope {

// For posix_spawn(3): standard streams as told, every other descriptor closed, "/" as the working
// directory, a process group of its own, no signal blocked or ignored.
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

}  // namespace pinscope
