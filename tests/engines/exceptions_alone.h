// The fixture of tests that make exceptions for a container and end them.
#pragma once

#include <string>
#include <vector>

#include "tests/support/container/swap_test.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {

class ExceptionsAlone : public SwapTest {
 protected:
  CommandResult on_it(const std::string& name, std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--container", container_.id(), "--reason", "a reason"});
    return pinscope::test::run(argv(name, arguments));
  }
  void expect_on_it(const std::string& name, const std::vector<std::string>& arguments) {
    EXPECT_THAT(on_it(name, arguments), Succeeds());
  }
  [[nodiscard]] bool lists(const std::string& state) const {
    return pinscope::test::run(argv("exceptions", {})).out.find(state) != std::string::npos;
  }
  void let_one_run_out() {
    ASSERT_TRUE(wait_until([&] { return lists("ran out"); }));
  }
  // What ends within a second has run out.
  void let_it_run_out() {
    ASSERT_TRUE(wait_until([&] { return lists("ran out") && !lists("in force"); }));
  }
  CommandResult expire() { return pinscope::test::run(argv("exceptions", {"--expire"})); }

  static constexpr const char* kGrantFlows = "{pin: /sys/fs/bpf/flows}";
  static constexpr const char* kWriteFlows = "{pin: /sys/fs/bpf/flows, access: read-write}";
  static constexpr const char* kGrantCounters = "{pin: /sys/fs/bpf/counters}";
  static constexpr const char* kWriteCounters = "{pin: /sys/fs/bpf/counters, access: read-write}";
};

}  // namespace pinscope::test
