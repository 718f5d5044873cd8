// Containers whose policies say what is to become of their views while they run: what they start
// with, and what records, the audit trail and the command line say of it.
#include "tests/support/container/view_test.h"

namespace pinscope::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";
constexpr const char* kPolicy =
    "select: {}\n"
    "onChange: apply\n"
    "grants:\n"
    "  - {pin: /sys/fs/bpf/flows, follow: true}\n"
    "  - {pin: /sys/fs/bpf/late, missing: wait}\n"
    "  - {pin: \"/sys/fs/bpf/app/*\", as: app, follow: true}\n";

class Follow : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    if (IsSkipped()) return;
    pins_.map("/sys/fs/bpf/flows");
    pins_.directory("/sys/fs/bpf/app");
    pins_.map("/sys/fs/bpf/app/quota");
    installation_.write_policy(policy_text(kPolicy));
  }
  void TearDown() override {
    if (IsSkipped()) return;
    (void)container_.kill();
    container_.wait_stopped();
    (void)container_.remove();
  }

  void start() {
    installation_.hook_into(container_.spec);
    container_.probe({"sleep 100"});
    const auto created = container_.create();
    ASSERT_EQ(created.status, 0) << created;
    ASSERT_THAT(container_.start(), Succeeds());
  }

  [[nodiscard]] CommandResult pinscope(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), kPinscope);
    return pinscope::test::run(std::move(arguments));
  }
  [[nodiscard]] CommandResult with_state(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--state-dir", installation_.state_directory()});
    return pinscope(std::move(arguments));
  }
  [[nodiscard]] CommandResult with_policies(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--policy", installation_.policy_directory(), "--cache-dir",
                                       installation_.cache_directory()});
    return pinscope(std::move(arguments));
  }
};

TEST_P(Follow, StartsAContainerThatWaitsForAPinWithTheOthers) {
  const auto result = run({"ls /sys/fs/bpf", "ls /sys/fs/bpf/app"});
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok app flows") << result;
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf/app"), "ok quota") << result;
  // Behind the line of its policy, and before that of its end.
  EXPECT_THAT(read_audit(installation_.audit_path()).at(1).text,
              AllOf(HasSubstr(R"("name":"late","source":"/sys/fs/bpf/late","access":"read",)"
                              R"("follow":true,"skipped":true,"waits":true,)"),
                    HasSubstr(R"("name":"flows","source":"/sys/fs/bpf/flows","access":"read",)"
                              R"("follow":true,"kind":"map")")));
}

TEST_P(Follow, GivesAPinThatIsThereAtTheStartWhateverItSaysOfMissingOnes) {
  pins_.map("/sys/fs/bpf/late");
  const auto result = run({"ls /sys/fs/bpf"});
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok app flows late") << result;
}

TEST_P(Follow, RefusesWhatIsThereAndIsNotWhatThePolicyExpects) {
  pins_.map("/sys/fs/bpf/late");
  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/late, missing: wait, expect: {type: array}}\n"));
  expect_refused(
      "cannot grant \"/sys/fs/bpf/late\": the object is not what the policy expects: type "
      "\"hash\", expected \"array\"; policy \"test\" at test.yaml:8:7",
      "source-mismatch");
}

TEST_P(Follow, IsShownBesideAContainerThatRuns) {
  start();
  const auto inspected = with_state({"inspect", container_.id()});
  EXPECT_EQ(inspected.status, 0) << inspected;
  EXPECT_THAT(inspected.out, HasSubstr("waits for /sys/fs/bpf/late"));
  EXPECT_THAT(inspected.out, HasSubstr("/sys/fs/bpf/flows (followed)"));
  EXPECT_THAT(inspected.out, testing::ContainsRegex("on change +apply\n"));
  EXPECT_THAT(inspected.out, testing::ContainsRegex("FOLLOWED +RULE\n/sys/fs/bpf/app/\\* +policy"));
  EXPECT_THAT(with_state({"list"}).out, HasSubstr(" 3 (1 waits) "));
  const auto json = with_state({"inspect", container_.id(), "-o", "json"}).out;
  EXPECT_THAT(json, AllOf(HasSubstr("\"waiting\": 1"), HasSubstr("\"on_change\": \"apply\"")));
}

TEST_P(Follow, IsNoDriftUntilTheSourceIsThere) {
  start();
  const std::vector<std::string> asked = {"drift", "--container", container_.id(), "--state-dir",
                                          installation_.state_directory()};
  const auto waits = with_policies(asked);
  EXPECT_EQ(waits.status, 0) << waits;
  EXPECT_THAT(waits.out, HasSubstr("no drift: 1 container looked at\n"));
  EXPECT_THAT(waits.out, HasSubstr(" waits for \"/sys/fs/bpf/late\", to be \"late\"; policy"));
  pins_.map("/sys/fs/bpf/late");
  const auto drifted = with_policies(asked);
  EXPECT_EQ(drifted.status, 3) << drifted;
  EXPECT_THAT(drifted.out, AllOf(HasSubstr("\"late\": the policies give read of"),
                                 Not(HasSubstr(" waits for "))));
}

TEST_P(Follow, IsForetoldByExplainAndPlan) {
  container_.probe({"id"});
  ASSERT_THAT(container_.create(), Succeeds());
  const std::vector<std::string> which = {"--bundle", container_.bundle(), "--id", container_.id()};
  const auto ask = [&](std::vector<std::string> command) {
    command.insert(command.end(), which.begin(), which.end());
    return with_policies(std::move(command));
  };
  const auto explained = ask({"explain"});
  EXPECT_EQ(explained.status, 0) << explained;
  EXPECT_THAT(explained.out,
              AllOf(HasSubstr("missing: waits"), HasSubstr(", onChange apply)"),
                    HasSubstr("/sys/fs/bpf/flows (followed)"), HasSubstr("see 2 pins")));
  const auto planned = ask({"plan"});
  EXPECT_EQ(planned.status, 0) << planned;
  EXPECT_THAT(planned.out, testing::EndsWith("waits for \"/sys/fs/bpf/late\", to be \"late\"\n"));
}

// The service finds by its record that there is something to follow.
TEST_P(Follow, KeepsARecordOfAGlobThatMatchedNothing) {
  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - {pin: \"/sys/fs/bpf/none/*\", follow: true}\n"));
  start();
  ASSERT_EQ(installation_.records().size(), 1U);
  const auto inspected = with_state({"inspect", container_.id()});
  EXPECT_EQ(inspected.status, 0) << inspected;
  EXPECT_THAT(inspected.out, testing::ContainsRegex("FOLLOWED +RULE\n/sys/fs/bpf/none/\\* "));
}

PINSCOPE_EACH_RUNTIME(Follow);

}  // namespace
}  // namespace pinscope::test
