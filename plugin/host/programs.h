// Other programs on this host: where they are, what they say.
#pragma once

#include <string>
#include <vector>

namespace pinscope {

// In the usual directories, not in $PATH: commands run as root, and what they run must not be the
// caller's choice. Empty if it is in none.
std::string find_program(const std::string& name);

// What a program says in at most five seconds, with $PATH for its environment and without input. A
// program that says nothing more for that long is killed.
struct Answer {
  bool ok = false;  // it ended with the exit status 0
  std::string output;
};
enum class Listen { kOutput, kErrors };
Answer ask(const std::vector<std::string>& command, Listen listen = Listen::kOutput);

// The first line that `path --version` prints; empty if it prints none in time.
std::string version_of(const std::string& path);

}  // namespace pinscope
