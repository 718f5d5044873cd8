// What tests of containerd derive from: they run once with each release of it that has the CRI's
// version 1 and NRI, and are skipped where a release is not unpacked.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/engines/containerd/machine.h"

namespace pinscope::test {

class ContainerdTest : public testing::TestWithParam<ContainerdRelease> {
 protected:
  // What gRPC keeps as long as the process lives is there before the first test.
  static void SetUpTestSuite() { const CriClient client("/nonexistent", "", ""); }

  void SetUp() override {
    if (const std::string why = why_no_suite(GetParam().suite); !why.empty()) GTEST_SKIP() << why;
    node_.emplace(GetParam());
  }

  ContainerdMachine& node() { return *node_; }

 private:
  std::optional<ContainerdMachine> node_;
};

inline std::string release_name(const testing::TestParamInfo<ContainerdRelease>& info) {
  return std::string("Containerd") + info.param.version;
}

#define PINSCOPE_CRI_RELEASES(suite)                                                       \
  INSTANTIATE_TEST_SUITE_P(Releases, suite, testing::Values(kContainerd17, kContainerd21), \
                           release_name)

}  // namespace pinscope::test
