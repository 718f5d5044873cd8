// Runs a program to its end and keeps what it printed. Output goes to anonymous files, not to
// pipes: a container that outlives `runtime create` holds them open, and may still write to them.
#pragma once

#include <gmock/gmock.h>
#include <sys/types.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "plugin/base/fd.h"

namespace pinscope::test {

struct CommandResult {
  int status = -1;  // exit status, or 128 and the signal
  bool timed_out = false;
  std::string out;
  std::string err;
};

// For a failed EXPECT: `EXPECT_EQ(result.status, 0) << result;`.
std::ostream& operator<<(std::ostream& stream, const CommandResult& result);
// For one that is looked at no further; what it printed is shown if it failed.
MATCHER(Succeeds, "ends with status 0") {
  return arg.status == 0;
}

class Command {
 public:
  // argv[0] is looked up in PATH unless it has a slash.
  explicit Command(std::vector<std::string> argv);

  Command& input(std::string text);
  // Replaces the whole environment.
  Command& environment(std::vector<std::string> variables);
  Command& directory(std::string path);
  // Killed after this; 60 seconds if nothing is said.
  Command& timeout(int seconds);
  // Called in the child right before it becomes the program: no allocation there.
  Command& before_exec(std::function<void()> work);
  // Called here as soon as the child is there, before its end is waited for.
  Command& while_running(std::function<void(pid_t child)> work);

  // May be called again; output is that of the last run.
  CommandResult run();
  // What stands in the output files by now, which a process left behind may have added to.
  [[nodiscard]] std::string out() const;
  [[nodiscard]] std::string err() const;

 private:
  std::vector<std::string> argv_;
  std::string input_;
  std::vector<std::string> environment_;
  bool own_environment_ = false;
  std::string directory_;
  int timeout_ = 60;
  std::function<void()> before_exec_;
  std::function<void(pid_t)> while_running_;
  Fd out_;
  Fd err_;
};

inline CommandResult run(std::vector<std::string> argv) {
  return Command(std::move(argv)).run();
}

// Whether PATH has a program of this name, or there is one at this path.
bool has_program(const std::string& name);

}  // namespace pinscope::test
