// Runs a program the way a runtime runs a hook (vfork and exec, the state JSON on a pipe) and says
// how long that took, from before the vfork until the process was waited for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::bench {

struct Run {
  uint64_t wall_ns = 0;
  uint64_t cpu_ns = 0;  // on a processor, from the vfork on: what a busy machine does not stretch
  int exit_status = 0;  // as a shell gives it: 128 and the signal, if a signal ended it
  std::string errors;   // what it wrote to stderr
};

// `arguments[0]` is the absolute path of the program. Its environment is PATH alone, its stdout
// /dev/null. `input` must fit into a pipe (64 KiB).
Result<Run> run(const std::vector<std::string>& arguments, std::string_view input);

// The same, but stops the process as it exits and reads the high-water mark of its own memory, in
// KiB. wait4's ru_maxrss will not do: after a vfork it counts the pages of the parent as well.
Result<uint64_t> peak_memory_kib(const std::vector<std::string>& arguments, std::string_view input);

}  // namespace pinscope::bench
