// main() of the test programs of the root suites: runs the tests on a private machine and fails a
// test that leaks a mount, a descriptor, a process or a pin. Where root suites cannot run, every
// test is skipped with the reason.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "tests/support/private_machine.h"
#include "tests/support/snapshot.h"

namespace {

using pinscope::test::Snapshot;

class LeakListener : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override { before_ = Snapshot::take(); }

  void OnTestEnd(const testing::TestInfo&) override {
    // A process that was just killed takes a moment to disappear.
    Snapshot after = Snapshot::take();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    while (after.processes != before_.processes && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      after = Snapshot::take();
    }
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

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  if (testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();
  if (const std::string reason = pinscope::test::why_not_root(); !reason.empty())
    return skip(reason);
  testing::UnitTest::GetInstance()->listeners().Append(new LeakListener);
  pinscope::test::in_private_machine([] { return RUN_ALL_TESTS(); });
}
