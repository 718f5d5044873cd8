// The fixture of attacks: a container with the real hook, and what the kernel is expected to say to
// each thing that is tried inside it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/support/container/view_test.h"
#include "tests/support/machine/mounts.h"

namespace pinscope::test {

class AttackTest : public ViewTest {
 protected:
  // A command of the probe and the kernel's answer to it.
  using Tries = std::vector<std::pair<std::string, std::string>>;

  // Two maps on the host that policies grant, and one that none grants; each holds 42 at key 1.
  void make_pins() {
    for (const char* path : {kFlows, kCounters, kSecret}) {
      pins_.map(path);
      set_value(path, 1, 42);
    }
  }

  void policy(const std::string& spec) {
    installation_.write_policy(policy_text("select: {}\n" + spec));
  }

  // Starts the container with the hook, and does all of it in one process, in this order.
  CommandResult expect(const Tries& tries) {
    std::vector<std::string> commands;
    for (const auto& one : tries) commands.push_back(one.first);
    const auto result = run(commands);
    EXPECT_EQ(result.status, 0) << result << installation_.last_audit().text;
    const auto said = lines(result.out);
    for (size_t i = 0; i < tries.size(); ++i)
      EXPECT_EQ(i < said.size() ? said[i] : "nothing", tries[i].first + ": " + tries[i].second);
    return result;
  }

  // The container must not start: for `reason`, which the audit trail has.
  void expect_refusal(const std::string& reason, const std::string& code) {
    const auto result = run({"id"});
    EXPECT_NE(result.status, 0) << result;
    EXPECT_EQ(answer(result, "id"), "no answer");
    const auto line = installation_.last_audit();
    EXPECT_EQ(line.outcome, "refused");
    EXPECT_EQ(line.code, code);
    EXPECT_THAT(line.error, testing::HasSubstr(reason));
    EXPECT_THAT(installation_.records(), testing::IsEmpty());
  }

  static constexpr const char* kFlows = "/sys/fs/bpf/app/flows";
  static constexpr const char* kCounters = "/sys/fs/bpf/app/counters";
  static constexpr const char* kSecret = "/sys/fs/bpf/secret";
};

}  // namespace pinscope::test
