// Which programs are measured on which sets of policies, and the loop that runs them in turns.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "tests/bench/report.h"

namespace pinscope::bench {

struct Options {
  std::string programs;  // directory of the build: bin/ and bench/ are below
  std::string shell_hook;
  int iterations = 300;
  int shell_iterations = 20;
  int runc_iterations = 40;
  int inventory_iterations = 10;
  bool quick = false;                // each program once in each scenario, few grants and rules
  std::vector<std::string> only;     // names of scenarios; empty: all
  std::vector<std::string> without;  // names of programs to leave out
};

// Takes the process into a mount namespace of its own.
Result<std::vector<Scenario>> measure(Options options);

}  // namespace pinscope::bench
