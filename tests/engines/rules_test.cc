// What decides whether a container starts: expectations, missing sources, denials, and several
// policies that agree or do not.
#include "tests/support/container/view_test.h"

namespace pinscope::test {
namespace {

class Rules : public ViewTest {};

TEST_P(Rules, RefuseAnObjectThatIsNotWhatThePolicyExpectsAndListAllDifferences) {
  pins_.map("/sys/fs/bpf/flows", {.key_size = 4, .value_size = 8, .max_entries = 16});
  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - pin: /sys/fs/bpf/flows\n"
                  "    expect: {kind: map, type: array, keySize: 8, valueSize: 4, "
                  "maxEntries: 99, name: other}\n"));
  expect_refused(
      "cannot grant \"/sys/fs/bpf/flows\": the object is not what the policy expects: type "
      "\"hash\", expected \"array\"; key size 4, expected 8; value size 8, expected 4; max entries "
      "16, expected 99; name \"test_map\", expected \"other\"; policy \"test\" at test.yaml:8:7",
      "source-mismatch");
}

TEST_P(Rules, RefuseAContainerWhoseSourceIsMissing) {
  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/flows}\n"));
  expect_refused(
      "cannot open source pin \"/sys/fs/bpf/flows\": No such file or directory; policy \"test\" at "
      "test.yaml:8:7",
      "source-missing");
}

TEST_P(Rules, LeaveOutAMissingSourceWhereThePolicySaysSkip) {
  pins_.map("/sys/fs/bpf/flows");
  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/flows}\n"
                  "  - {pin: /sys/fs/bpf/gone, missing: skip}\n"));
  const auto result = run({"ls /sys/fs/bpf"});
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok flows") << result;
}

TEST_P(Rules, StartAContainerAllOfWhoseSourcesAreSkippedWithAnEmptyPlace) {
  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/gone, missing: skip}\n"));
  const auto result = run({"ls /sys/fs/bpf"});
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok") << result;
}

TEST_P(Rules, LetADenialOfAnyPolicyWin) {
  pins_.map("/sys/fs/bpf/flows");
  pins_.directory("/sys/fs/bpf/keys");
  pins_.map("/sys/fs/bpf/keys/one");
  installation_.write_policy(policy_text("select: {}\n"
                                         "grants:\n"
                                         "  - {pin: /sys/fs/bpf/flows}\n"
                                         "  - {pin: /sys/fs/bpf/keys/one, as: one}\n",
                                         "granting"),
                             "a.yaml");
  installation_.write_policy(policy_text("select: {}\n"
                                         "deny:\n"
                                         "  - {pin: \"/sys/fs/bpf/keys/**\"}\n",
                                         "denying"),
                             "b.yaml");
  const auto result = run({"ls /sys/fs/bpf"});
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok flows") << result;
  const auto audit = installation_.audit();
  ASSERT_GE(audit.size(), 2U);
  EXPECT_THAT(audit[1].text, testing::HasSubstr("\"denied_by\":{\"policy\":\"denying\","));
}

TEST_P(Rules, GiveTheUnionOfAllPoliciesThatSelectTheContainer) {
  pins_.map("/sys/fs/bpf/flows");
  pins_.map("/sys/fs/bpf/counters");
  installation_.write_policy(policy_text("select: {}\n"
                                         "grants:\n"
                                         "  - {pin: /sys/fs/bpf/flows}\n"
                                         "  - {pin: /sys/fs/bpf/counters}\n",
                                         "readers"),
                             "a.yaml");
  installation_.write_policy(policy_text("select: {user: {uid: 0}}\n"
                                         "grants:\n"
                                         "  - {pin: /sys/fs/bpf/counters, access: read-write}\n",
                                         "writers"),
                             "b.yaml");
  installation_.write_policy(policy_text("select: {user: {uid: 7}}\n"
                                         "deny:\n"
                                         "  - {pin: \"/**\"}\n",
                                         "others"),
                             "c.yaml");
  const auto result =
      run({"ls /sys/fs/bpf", "get-rw /sys/fs/bpf/flows", "get-rw /sys/fs/bpf/counters"});
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok _rw counters flows") << result;
  EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/flows"), "EROFS");
  EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/counters"), "ok");
}

TEST_P(Rules, RefuseAContainerForWhichPoliciesDisagree) {
  pins_.map("/sys/fs/bpf/flows");
  pins_.map("/sys/fs/bpf/counters");
  installation_.write_policy(policy_text("select: {}\n"
                                         "grants:\n"
                                         "  - {pin: /sys/fs/bpf/flows, as: x}\n",
                                         "first"),
                             "a.yaml");
  installation_.write_policy(policy_text("select: {user: {uid: 0}}\n"
                                         "grants:\n"
                                         "  - {pin: /sys/fs/bpf/counters, as: x}\n",
                                         "second"),
                             "b.yaml");
  const auto result = run({"id"});
  EXPECT_NE(result.status, 0);
  EXPECT_EQ(installation_.last_audit().code, "policy-conflict");
  EXPECT_EQ(installation_.last_audit().error,
            "container \"" + container_.id() +
                "\": cannot grant \"x\": it would be both \"/sys/fs/bpf/flows\" and "
                "\"/sys/fs/bpf/counters\" (name one "
                "of them differently with \"as\"); policy \"first\" at a.yaml:8:7 and policy "
                "\"second\" at b.yaml:8:7");
}

TEST_P(Rules, RefuseToGrantWhatCannotBeReadOnly) {
  pins_.map("/sys/fs/bpf/ring", {.type = MapSpec::Type::kRingBuffer});
  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/ring}\n"));
  expect_refused(
      "cannot grant \"/sys/fs/bpf/ring\": a ringbuf is read through a memory map, which a "
      "descriptor for reading refuses (access: read-write is the right to read it, which takes the "
      "records away from others); policy \"test\" at test.yaml:8:7",
      "access-unsupported");
}

PINSCOPE_EACH_RUNTIME(Rules);

}  // namespace
}  // namespace pinscope::test
