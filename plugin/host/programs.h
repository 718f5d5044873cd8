// Other programs on this host: where they are, what they say.
#pragma once

#include <string>
#include <vector>

#include "plugin/host/run_program.h"

namespace pinscope {

// In the usual directories, not in $PATH: commands run as root, and what they run must not be the
// caller's choice. Empty if it is in none.
std::string find_program(const std::string& name);

// What a program says, with $PATH for its environment and without input. One that takes longer
// than five seconds is killed.
struct Answer {
  bool ok = false;  // it ended with the exit status 0
  bool in_time = true;
  std::string output;
};
using Listen = ProgramCall::Listen;
Answer ask(const std::vector<std::string>& command, Listen listen = Listen::kOutput);

// The first line that `path --version` prints; empty if it prints none in time.
std::string version_of(const std::string& path);

}  // namespace pinscope
