// The fixture of tests that run once with each container runtime: runc and crun as they are
// installed, and for what differs between their releases the newest ones as well, "runc_forky" and
// "crun_forky". A runtime that is not there skips its tests and says so.
//
//   class Views : public RuntimeTest {};
//   TEST_P(Views, ShowWhatIsGranted) { RuntimeContainer container(GetParam()); … }
//   PINSCOPE_EACH_RUNTIME(Views);
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/support/container/runtime_container.h"
#include "tests/support/programs/command.h"

namespace pinscope::test {

class RuntimeTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!has_program(runtime_program(GetParam())))
      GTEST_SKIP() << GetParam() << " is not installed";
  }
  [[nodiscard]] static bool is_crun() { return GetParam().starts_with("crun"); }
};

}  // namespace pinscope::test

#define PINSCOPE_EACH_RUNTIME(fixture)                                 \
  INSTANTIATE_TEST_SUITE_P(, fixture, testing::Values("runc", "crun"), \
                           [](const auto& runtime) { return std::string(runtime.param); })

#define PINSCOPE_EACH_RUNTIME_AND_THE_NEWEST(fixture)                                           \
  INSTANTIATE_TEST_SUITE_P(, fixture, testing::ValuesIn(pinscope::test::runtimes_and_newest()), \
                           [](const auto& runtime) { return std::string(runtime.param); })
