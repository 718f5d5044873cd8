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

TEST_P(HostilePins, WhatCannotBeGrantedIsLeftOutAndStopsNobody) {
  pins_.map("/sys/fs/bpf/app/_rw");
  pins_.program("/sys/fs/bpf/app/program");
  pins_.link("/sys/fs/bpf/app/link");
  policy("grants: [{pin: \"/sys/fs/bpf/app/*\", access: read}]\n");
  expect({{"ls /sys/fs/bpf", "ok counters flows"}});
  EXPECT_THAT(granted(), HasSubstr("skipped \\\"/sys/fs/bpf/app/_rw\\\""));
  EXPECT_THAT(granted(), HasSubstr("left out \\\"/sys/fs/bpf/app/program\\\""));
  EXPECT_THAT(granted(), HasSubstr("left out \\\"/sys/fs/bpf/app/link\\\""));
}

// Who names a pin must be able to rely on it.
TEST_P(HostilePins, AreRefusedWhereTheyAreNamed) {
  pins_.program("/sys/fs/bpf/app/program");
  policy(
      "grants:\n"
      "  - {pin: \"/sys/fs/bpf/app/*\", access: read}\n"
      "  - {pin: /sys/fs/bpf/app/program, access: read}\n");
  expect_refusal("which cannot be granted with access: read", "access-unsupported");
}

PINSCOPE_EACH_RUNTIME(HostilePins);

}  // namespace
}  // namespace pinscope::test
