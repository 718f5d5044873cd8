// The page of containerd, tried as a new user would: tests/engines/page.h.
#include "tests/engines/page.h"

#include <gtest/gtest.h>

#include "tests/engines/containerd/machine.h"

namespace pinscope::test {
namespace {

class Pages : public PageTest {
 protected:
  // What gRPC keeps as long as the process lives is there before the test.
  static void SetUpTestSuite() { const CriClient client("/nonexistent", "", ""); }
};

TEST_F(Pages, Containerd) {
  if (const auto why = why_no_suite(kContainerd21.suite); !why.empty()) GTEST_SKIP() << why;
  ContainerdMachine node(kContainerd21);
  node.start();
  Page(node.machine(), "engines/containerd.md").walk([&](const std::string& command) {
    if (command != "systemctl restart containerd") return false;
    node.restart();
    return true;
  });
}

}  // namespace
}  // namespace pinscope::test
