// What a program under test would be told by Debian 12's kernel (Linux 6.1), as far as a view
// depends on it: no listmount(2) and statmount(2), no BPF_F_PATH_FD, no clone of a tree that is not
// attached. For running a suite once more where this machine's kernel is newer.
#pragma once

#include "tests/support/supervisor.h"

namespace pinscope::test {

// Holds for one run of a program.
class OldKernel {
 public:
  Verdict operator()(const SystemCall& call);

 private:
  bool refused_detached_tree_ = false;
};

}  // namespace pinscope::test
