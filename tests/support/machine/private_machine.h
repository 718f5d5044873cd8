// A test process of a root suite gets namespaces of its own before main does anything else, so that
// the host never sees what it mounts, and nothing outlives it: when it ends, however it ends, the
// kernel kills what it started and drops what it mounted.
#pragma once

#include <functional>
#include <string>

namespace pinscope::test {

// Forks into a new mount and a new process namespace, mounts a fresh /proc and a fresh bpffs at
// /sys/fs/bpf there, calls `work` and ends with its result; 125 if the machine refuses.
[[noreturn]] void in_private_machine(const std::function<int()>& work);

// Waits until every child of this process has ended; those that lost their parent in the machine
// are children, too. For what works on after its caller has the answer, such as the process that
// waits for the end of a session: it must have written its last line before its directory goes.
void wait_for_children();

// Empty if root suites can run here, else why not.
std::string why_not_root();

}  // namespace pinscope::test
