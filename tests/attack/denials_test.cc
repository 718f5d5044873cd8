// What is denied under one name, and what a container gets of it under another.
#include <unistd.h>

#include "tests/attack/attack_test.h"

namespace pinscope::test {
namespace {

class Denials : public AttackTest {
 protected:
  static constexpr const char* kKey = "/sys/fs/bpf/keys/tls";

  void SetUp() override {
    AttackTest::SetUp();
    if (IsSkipped()) return;
    make_pins();
    const Fd map = make_map();
    pins_.object(map, kKey);
    pins_.object(map, "/sys/fs/bpf/app/second");
    ASSERT_EQ(link(kKey, "/sys/fs/bpf/app/linked"), 0);
  }
  void TearDown() override {
    unlink("/sys/fs/bpf/app/linked");
    AttackTest::TearDown();
  }

  // The container starts, and `view` is all that it has.
  void expect_view(const std::string& view) {
    const auto result = run({"ls /sys/fs/bpf"});
    EXPECT_EQ(result.status, 0) << result << installation_.last_audit().text;
    EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), view);
  }
};

TEST_P(Denials, HoldUnderASecondPinAndAHardLink) {
  for (const std::string denied :
       {kKey, "/sys/fs/bpf/keys", "/sys/fs/bpf/keys/**", "/sys/*/bpf/k*"})
    for (const std::string layout : {"shared", "per-map"}) {
      SCOPED_TRACE(denied + " " + layout);
      policy("view: {layout: " + layout +
             "}\n"
             "grants: [{pin: \"/sys/fs/bpf/app/*\"}, {pin: /sys/fs/bpf/app/second, as: again}]\n"
             "deny: [{pin: \"" +
             denied + "\"}]\n");
      expect_view("ok counters flows");
      EXPECT_THAT(installation_.audit().rbegin()[1].text,  // before that of its removal

                  testing::HasSubstr("\"denied_as\":\"/sys/fs/bpf/keys/tls\""));
    }
}

TEST_P(Denials, HoldThroughAnotherMountOfTheFileSystem) {
  const TempDirectory directory;
  const Mounted again = Mounted::bind("/sys/fs/bpf", directory.make_directory("again"));
  policy("grants: [{pin: \"" + again.path("keys/*") +
         "\"}, {pin: /sys/fs/bpf/app/flows}]\n"
         "deny: [{pin: /sys/fs/bpf/keys}]\n");
  expect_view("ok flows");
}

TEST_P(Denials, HoldInLayoutBind) {
  policy(
      "view: {layout: bind}\n"
      "grants: [{pin: \"/sys/fs/bpf/app/*\", access: read-write}]\n"
      "deny: [{pin: /sys/fs/bpf/keys}]\n");
  expect_view("ok counters flows");
}

TEST_P(Denials, AreNotMadeByWhoeverMayPinBelowWhatIsDenied) {
  const Fd flows(open_pin(kFlows));
  pins_.object(flows, "/sys/fs/bpf/users/alice/flows");
  ASSERT_EQ(chown("/sys/fs/bpf/users/alice", 1000, 1000), 0);
  policy(
      "grants: [{pin: /sys/fs/bpf/app/flows}]\n"
      "deny: [{pin: /sys/fs/bpf/users}]\n");
  expect_view("ok flows");
}

PINSCOPE_EACH_RUNTIME(Denials);

}  // namespace
}  // namespace pinscope::test
