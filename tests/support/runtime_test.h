// The fixture of tests that run once with each container runtime. A runtime that is not installed
// skips its tests and says so.
//
//   class Views : public RuntimeTest {};
//   TEST_P(Views, ShowWhatIsGranted) { RuntimeContainer container(GetParam()); … }
//   PINSCOPE_EACH_RUNTIME(Views);
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/support/command.h"
#include "tests/support/runtime_container.h"

namespace pinscope::test {

class RuntimeTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!has_program(GetParam())) GTEST_SKIP() << GetParam() << " is not installed";
  }
};

}  // namespace pinscope::test

#define PINSCOPE_EACH_RUNTIME(fixture)                                 \
  INSTANTIATE_TEST_SUITE_P(, fixture, testing::Values("runc", "crun"), \
                           [](const auto& runtime) { return std::string(runtime.param); })
