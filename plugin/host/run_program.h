// How a program of ours runs another one: it inherits nothing. posix_spawn(3), because a fork would
// copy the address space's tables.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope {

// What is run: with every descriptor closed but the standard streams, "/" as the working directory,
// a process group of its own, no signal blocked or ignored, and no variable that is not named here.
struct ProgramCall {
  std::string path;
  std::vector<std::string> arguments;  // with argv[0]
  std::vector<std::string> environment = {};
  int input = -1;  // a descriptor; -1: there is nothing to read
  enum class Listen { kNothing, kOutput, kErrors } listen = Listen::kNothing;
  size_t max_output = 0;  // bytes: the last ones of what is listened to are kept
};

struct ProgramEnd {
  bool in_time = true;        // false: it was killed, with its process group
  std::optional<int> status;  // of waitpid(2); nothing if somebody else has reaped it
  std::string output;

  // Whether it ended by itself, as far as anybody can say; ok: with the exit status 0.
  [[nodiscard]] bool has_exited() const;
  [[nodiscard]] bool ok() const;
  // "it ended with status 3", where it is not.
  [[nodiscard]] std::string what_happened() const;
};

// Waits for the end of the program. One that has not ended by `deadline`, or whose output has not,
// is killed. An error: it could not be started. Cold: few starts of a container need one.
[[gnu::cold]] Result<ProgramEnd> run_program(const ProgramCall& call,
                                             std::chrono::steady_clock::time_point deadline);

}  // namespace pinscope
