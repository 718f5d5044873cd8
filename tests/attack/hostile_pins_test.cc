// Whoever may make names on the host, below the literal part of a glob that a policy grants, stops
// no container and hides nothing without a word.
#include <linux/bpf.h>
#include <sys/stat.h>

#include "tests/attack/attack_test.h"
#include "tests/support/bpf/programs.h"

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

// A glob chooses by what it expects, whoever pins there, and however many globs want it.
TEST_P(HostilePins, AreGivenNothingThatTheyDoNotFit) {
  pins_.program("/sys/fs/bpf/app/program");
  pins_.object(make_program_of_type(BPF_PROG_TYPE_XDP), "/sys/fs/bpf/app/xdp");
  pins_.map("/sys/fs/bpf/app/scratch", {.name = "scratch"});
  policy(
      "grants:\n"
      "  - {pin: \"/sys/fs/bpf/app/*\", expect: {kind: map}}\n"
      "  - {pin: \"/sys/fs/bpf/app/*\", access: use, expect: {kind: program, type: xdp}}\n"
      "  - {pin: \"/sys/fs/bpf/app/*\", access: read-write, expect: {kind: map, name: scratch}}\n");
  expect({{"ls /sys/fs/bpf", "ok _rw counters flows scratch xdp"},
          {"get-rw /sys/fs/bpf/counters", "EROFS"},
          {"get-rw /sys/fs/bpf/flows", "EROFS"},
          {"update /sys/fs/bpf/scratch 1 2", "ok"},
          {"get-ro /sys/fs/bpf/xdp", "ok"}});
  EXPECT_THAT(granted(), HasSubstr("left out \\\"/sys/fs/bpf/app/program\\\""));
}

// Nobody stands in for a pin that is granted by its path, or in its way.
TEST_P(HostilePins, TakeNoNameOfAPinThatIsNamed) {
  pins_.map("/sys/fs/bpf/wanted");
  set_value("/sys/fs/bpf/wanted", 1, 77);
  pins_.map("/sys/fs/bpf/app/wanted");
  pins_.map("/sys/fs/bpf/app/net");
  policy(
      "grants:\n"
      "  - {pin: \"/sys/fs/bpf/app/*\", access: read}\n"
      "  - {pin: /sys/fs/bpf/wanted}\n"
      "  - {pin: /sys/fs/bpf/wanted, as: net/wanted}\n");
  expect({{"ls /sys/fs/bpf", "ok counters flows net wanted"},
          {"lookup /sys/fs/bpf/wanted 1", "ok 77"},
          {"lookup /sys/fs/bpf/net/wanted 1", "ok 77"}});
  EXPECT_THAT(granted(), HasSubstr("which is granted by its path"));
}

TEST_P(HostilePins, FillNoAuditLine) {
  for (int i = 0; i < 30; ++i) pins_.program("/sys/fs/bpf/app/p" + std::to_string(i));
  policy("grants: [{pin: \"/sys/fs/bpf/app/*\", access: read}]\n");
  expect({{"ls /sys/fs/bpf", "ok counters flows"}});
  EXPECT_THAT(granted(), HasSubstr("and left out 22 more of what globs match"));
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
