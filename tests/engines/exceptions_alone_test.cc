// What an exception and its end change beside real containers: that one thing, whatever the
// policies say by now, and nothing that a start would not give.
#include "tests/engines/exceptions_alone.h"
#include "tests/support/bpf/programs.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;

// Policies that are others by now are a matter of apply.
TEST_P(ExceptionsAlone, ApplyNothingElse) {
  policy("shared", {kGrantCounters, kGrantFlows});
  ASSERT_NO_FATAL_FAILURE(start());
  policy("shared", {kWriteCounters, kGrantFlows, "{pin: /sys/fs/bpf/other}"});
  const auto revoked =
      pinscope::test::run(argv("revoke", {"--all", "/sys/fs/bpf/nothing", "--reason", "x"}));
  EXPECT_THAT(revoked.err, HasSubstr("no container that runs has it"));
  EXPECT_EQ(seen(), expected(kCounters, "ro") + " " + expected(kFlows, "ro"));
  expect_on_it("revoke", {kFlows});
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
  expect_on_it("revoke", {"--undo", kFlows});
  EXPECT_EQ(seen(), expected(kCounters, "ro") + " " + expected(kFlows, "ro"));
  expect_on_it("grant", {kFlows, "--for", "1h", "--access", "read-write"});
  EXPECT_EQ(seen(), expected(kCounters, "ro") + " " + expected(kFlows, "rw"));
  expect_on_it("grant", {"--undo", kFlows});
  EXPECT_EQ(seen(), expected(kCounters, "ro") + " " + expected(kFlows, "ro"));
  expect_applied();
  EXPECT_EQ(seen(), expected(kCounters, "rw") + " " + expected(kFlows, "ro") + " " +
                        expected(kOther, "ro"));
}

TEST_P(ExceptionsAlone, GiveBackWhatThereWas) {
  policy("shared", {kGrantFlows});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("revoke", {kFlows, "--for", "1s"});
  policy("shared", {kWriteFlows});
  ASSERT_NO_FATAL_FAILURE(let_it_run_out());
  EXPECT_THAT(expire(), Succeeds());
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
}

// Layout bind shows the pin of the host, which is for writing.
TEST_P(ExceptionsAlone, GiveBackNothingThatTheViewCannotKeepTo) {
  policy("bind", {kWriteCounters, kWriteFlows});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("revoke", {kFlows, "--for", "1s"});
  policy("shared", {kWriteCounters, kGrantFlows});
  ASSERT_NO_FATAL_FAILURE(let_it_run_out());
  EXPECT_THAT(expire(), Succeeds());
  EXPECT_EQ(seen(), expected(kCounters, "rw"));
}

TEST_P(ExceptionsAlone, LeaveThePolicysOwnGrant) {
  policy("shared", {kGrantFlows, kWriteCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("grant", {kFlows, "--for", "1s", "--access", "read-write"});
  EXPECT_EQ(seen(), expected(kCounters, "rw") + " " + expected(kFlows, "rw"));
  ASSERT_NO_FATAL_FAILURE(let_it_run_out());
  EXPECT_THAT(expire(), Succeeds());
  EXPECT_EQ(seen(), expected(kCounters, "rw") + " " + expected(kFlows, "ro"));
}

TEST_P(ExceptionsAlone, GiveBackWhatTwoOfThemTook) {
  policy("shared", {kGrantFlows, kWriteCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("revoke", {kFlows, "--for", "1s"});
  expect_on_it("revoke", {"--for", "3s"});
  ASSERT_NO_FATAL_FAILURE(let_one_run_out());
  EXPECT_THAT(expire(), Succeeds());
  EXPECT_EQ(seen(), "");
  ASSERT_NO_FATAL_FAILURE(let_it_run_out());
  EXPECT_THAT(expire(), Succeeds());
  EXPECT_EQ(seen(), expected(kCounters, "rw") + " " + expected(kFlows, "ro"));
}

// It is another object than the policy expects, so that a start would be refused.
TEST_P(ExceptionsAlone, GiveNoObjectThatAStartRefuses) {
  policy("shared",
         {"{pin: /sys/fs/bpf/flows, access: read-write, expect: {valueSize: 8}}", kGrantCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("grant", {kOther, "--for", "1s"});
  pins_.remove(kFlows);
  pins_.map(kFlows, {.value_size = 64});
  ASSERT_NO_FATAL_FAILURE(let_it_run_out());
  const auto expired = expire();
  EXPECT_THAT(expired.out, HasSubstr("removed \"other\""));
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
}

// The same object at its place, and a program that reaches further than the container.
TEST_P(ExceptionsAlone, GiveNoProgramThatAStartRefuses) {
  pins_.program("/sys/fs/bpf/filter");
  policy("shared", {"{pin: /sys/fs/bpf/filter, access: use}", kGrantFlows});
  ASSERT_NO_FATAL_FAILURE(start());
  pins_.remove("/sys/fs/bpf/filter");
  pins_.object(make_program_of_type(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS),
               "/sys/fs/bpf/filter");
  const auto revoked = on_it("revoke", {kFlows});
  EXPECT_EQ(revoked.status, 1) << revoked;
  EXPECT_THAT(revoked.out, HasSubstr("removed \"filter\""));
  EXPECT_EQ(seen(), "");
}

// Also where the policies are to be applied: that is a matter of who applies them.
TEST_P(ExceptionsAlone, EndWithoutAPolicyThatWasDeleted) {
  installation_.write_policy(
      policy_text("select: {}\nonChange: apply\ngrants: [{pin: /sys/fs/bpf/flows}]\n"));
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("grant", {kCounters, "--for", "1s"});
  installation_.write_policy(policy_text("select: {engine: docker}\n"));
  ASSERT_NO_FATAL_FAILURE(let_it_run_out());
  EXPECT_THAT(expire(), Succeeds());
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
}

TEST_P(ExceptionsAlone, LastWhereAShorterOneCameFirst) {
  policy("shared", {kGrantFlows, kGrantCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  const std::string object = "map:" + std::to_string(map_id(kFlows));
  expect_on_it("revoke", {kFlows, "--for", "1s"});
  expect_on_it("revoke", {"--object", object});
  expect_on_it("revoke", {"/sys/fs/bpf/f*"});
  ASSERT_NO_FATAL_FAILURE(let_one_run_out());
  EXPECT_THAT(expire(), Succeeds());
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
}

// What is remembered of an exception is not to be of the next one.
TEST_P(ExceptionsAlone, LeaveNothingBehindWhereTheViewStays) {
  policy("shared", {kGrantFlows, kGrantCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("grant", {kOther, "--for", "1h"});
  policy("shared", {kGrantFlows, kGrantCounters, "{pin: /sys/fs/bpf/other}"});
  expect_on_it("grant", {"--undo", kOther});
  policy("shared", {kGrantFlows, kGrantCounters});
  expect_on_it("revoke", {kFlows});
  EXPECT_EQ(seen(), expected(kCounters, "ro") + " " + expected(kOther, "ro"));
}

TEST_P(ExceptionsAlone, EndWhateverElseHasEnded) {
  policy("shared", {kGrantFlows, kWriteCounters, "{pin: /sys/fs/bpf/fourth}"});
  pins_.map("/sys/fs/bpf/fourth");
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("revoke", {kFlows, "--for", "1s"});
  expect_on_it("grant", {kOther, "--for", "1s", "--access", "read-write"});
  pins_.remove("/sys/fs/bpf/fourth");  // so that it would not start now
  ASSERT_NO_FATAL_FAILURE(let_it_run_out());
  EXPECT_EQ(on_it("revoke", {kCounters}).status, 1) << "it says that something is left";
  EXPECT_EQ(seen(), "");
  // And what was not given back comes when there is a start again.
  pins_.map("/sys/fs/bpf/fourth");
  expect_on_it("revoke", {"--undo", kCounters});
  EXPECT_THAT(seen(), HasSubstr(expected(kFlows, "ro")));
  EXPECT_THAT(seen(), HasSubstr(expected(kCounters, "rw")));
}

// Whoever undoes what has run out hears of a record that may hold more of it.
TEST_P(ExceptionsAlone, AreNotAllUndoneWhereARecordCannotBeRead) {
  policy("shared", {kGrantFlows});
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_THAT(expire(), Succeeds());
  write_file(installation_.state_directory() + "/containers/damaged.json", "{", 0600);
  const auto expired = expire();
  EXPECT_EQ(expired.status, 1) << expired;
  EXPECT_THAT(expired.err, HasSubstr("damaged.json"));
}

PINSCOPE_EACH_RUNTIME(ExceptionsAlone);

}  // namespace
}  // namespace pinscope::test
