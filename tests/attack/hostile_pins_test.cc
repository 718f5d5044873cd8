// Whoever may make names on the host, below the literal part of a glob that a policy grants, stops
// no container and hides nothing without a word.
#include <sys/stat.h>

#include "tests/attack/attack_test.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class HostilePins : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    if (!IsSkipped()) make_pins();
  }
  // The line of the grant, which comes before that of the container's end.
  [[nodiscard]] std::string granted() const {
    for (const auto& line : installation_.audit())
      if (line.outcome == "granted") return line.text;
    return "";
  }
  // Deeper than anybody's pins.
  void nest() {
    std::string path = "/sys/fs/bpf/app";
    for (int i = 0; i < 60; ++i) pins_.directory(path += "/d");
  }
};

TEST_P(HostilePins, DirectoriesDeeperThanAGlobStopNobody) {
  nest();
  policy("grants: [{pin: \"/sys/fs/bpf/app/*\", access: read}]\n");
  expect({{"ls /sys/fs/bpf", "ok counters flows"}});
  EXPECT_THAT(granted(), Not(HasSubstr("left out")));
}

TEST_P(HostilePins, WhatIsNestedTooDeeplyIsLeftOutAndStandsInTheAuditTrail) {
  nest();
  policy("grants: [{pin: \"/sys/fs/bpf/app/**\", access: read}]\n");
  expect({{"ls /sys/fs/bpf", "ok counters flows"}});
  EXPECT_THAT(granted(), HasSubstr("\"notes\":[\"left out"));
  EXPECT_THAT(granted(), HasSubstr("it is nested too deeply"));
}

PINSCOPE_EACH_RUNTIME(HostilePins);

}  // namespace
}  // namespace pinscope::test
