// main() of the test programs of the root suites: runs the tests on a private machine and fails a
// test that leaks a mount, a descriptor, a process or a pin. Where root suites cannot run, every
// test is skipped with the reason.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/machine/private_machine.h"
#include "tests/support/machine/snapshot.h"
#include "tests/support/machine/wait.h"
#include "tests/support/programs/old_kernel.h"

namespace {

using pinscope::test::Snapshot;

class LeakListener : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override { before_ = Snapshot::take(); }

  void OnTestEnd(const testing::TestInfo&) override {
    // A process that was just killed takes a moment to disappear.
    Snapshot after = Snapshot::take();
    const auto is_as_before = [&] {
      if (after.processes != before_.processes) after = Snapshot::take();
      return after.processes == before_.processes;
    };
    (void)pinscope::test::wait_until(is_as_before, 2);  // what is left is told below
    const auto found = differences(before_, after);
    for (const auto& line : found) ADD_FAILURE() << "the test left a difference: " << line;
  }

  Snapshot before_;
};

// The words that ctest takes for a skipped test (gtest_discover_tests) and that the summary reads.
int skip(const std::string& reason) {
  std::printf("root_main.cc:1: Skipped\n%s\n\n[  SKIPPED ] everything\n", reason.c_str());
  return 0;
}

// In the suite "kernel" the test itself makes the calls that the hook would make: the whole of it
// is told what an old kernel would.
bool is_for_old_kernel() {
  const char* suite = std::getenv("PINSCOPE_OLD_KERNEL");
  return suite != nullptr && std::string_view(suite) == "kernel";
}

int run_again_on_old_kernel(int argc, char** argv) {
  unsetenv("PINSCOPE_OLD_KERNEL");
  std::vector<std::string> command = {"/proc/self/exe"};
  command.insert(command.end(), argv + 1, argv + argc);
  return pinscope::test::supervise_here(command, pinscope::test::refuse_what_is_new);
}

}  // namespace

int main(int argc, char** argv) {
  if (is_for_old_kernel()) return run_again_on_old_kernel(argc, argv);
  testing::InitGoogleMock(&argc, argv);
  if (testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();
  if (const std::string reason = pinscope::test::why_not_root(); !reason.empty())
    return skip(reason);
  testing::UnitTest::GetInstance()->listeners().Append(new LeakListener);
  pinscope::test::in_private_machine([] { return RUN_ALL_TESTS(); });
}
