// Runs a program with a say in each of its system calls: let it run, make it fail with an errno of
// our choice, or kill the caller in front of it. Works through seccomp's user notification, so that
// it knows every system call the kernel knows, on any architecture, and needs no debugger.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/programs/command.h"

namespace pinscope::test {

struct SystemCall {
  pid_t pid = 0;
  int number = 0;
  uint64_t arguments[6] = {};
};

// "openat2"; "system call 999" for one that is not in the table.
std::string system_call_name(int number);
// "openat(\"/run/x\")": with the path or descriptor that it is about, as far as it can be read now.
std::string describe(const SystemCall& call);

struct Verdict {
  enum class Kind { kRun, kFail, kKill } kind = Kind::kRun;
  int errnum = 0;

  static Verdict run() { return {}; }
  static Verdict fail(int errnum) { return {Kind::kFail, errnum}; }
  static Verdict kill() { return {Kind::kKill, 0}; }
};

// Called for each system call of the program and of its children, one after the other, from the
// program's start on. What it looks at stands still meanwhile.
using Supervise = std::function<Verdict(const SystemCall& call)>;

// The command's standard descriptors are files, as with Command; killed after 60 seconds.
CommandResult run_supervised(const std::vector<std::string>& argv, const std::string& input,
                             const Supervise& supervise);

// The same for a program that takes our standard descriptors, for a wrapper: gives its exit status.
int supervise_here(const std::vector<std::string>& argv, const Supervise& supervise);

}  // namespace pinscope::test
