// Exceptions where the policies were edited, were applied meanwhile, or are not there at all: what
// is revoked goes, and what was given for some time ends.
#include <sys/syscall.h>

#include <filesystem>

#include "tests/engines/exceptions_alone.h"
#include "tests/support/machine/wait.h"
#include "tests/support/programs/supervisor.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;

class ExceptionsEdited : public ExceptionsAlone {
 protected:
  // There is no set in force, and none that was.
  void break_policies() {
    std::filesystem::remove_all(installation_.cache_directory());
    installation_.write_policy("nonsense: [");
  }
};

class ExceptionsCutShort : public ExceptionsAlone {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "what is killed leaves its sanitizer's memory";
#endif
    ExceptionsAlone::SetUp();
    if (!wrapper_.empty()) GTEST_SKIP() << "a program has one supervisor, which plays the kernel";
  }
  // The command, whose child is killed in front of this call once it has written the record.
  CommandResult killed_at(int64_t number, const std::string& name,
                          std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--container", container_.id()});
    pid_t command = -1;
    bool has_noted = false;
    const auto kill_child = [&](const SystemCall& call) {
      if (command == -1) command = call.pid;
      if (call.pid == command) return Verdict::run();
      const bool is_time = call.number == number && has_noted;
      has_noted = has_noted || call.number == SYS_renameat;
      return is_time ? Verdict::kill() : Verdict::run();
    };
    return run_supervised(argv(name, arguments), "", kill_child);
  }
};

// From then on the exception alone gives it.
TEST_P(ExceptionsEdited, EndWhatTheyAloneGiveSinceApply) {
  policy("shared", {kWriteFlows, kGrantCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  policy("shared", {kGrantCounters});
  expect_on_it("grant", {kFlows, "--access", "read-write", "--for", "1s"});
  EXPECT_THAT(apply().out, HasSubstr("1 unchanged"));
  ASSERT_NO_FATAL_FAILURE(let_it_run_out());
  EXPECT_THAT(expire(), Succeeds());
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
}

TEST_P(ExceptionsEdited, GiveBackWhatWasAppliedMeanwhile) {
  policy("shared", {kWriteFlows, kGrantCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("revoke", {"--for", "1s"});
  policy("shared", {kGrantFlows, kGrantCounters, "{pin: /sys/fs/bpf/other}"});
  EXPECT_THAT(apply().out, HasSubstr("1 unchanged"));
  ASSERT_NO_FATAL_FAILURE(let_it_run_out());
  EXPECT_THAT(expire(), Succeeds());
  EXPECT_EQ(seen(), expected(kCounters, "ro") + " " + expected(kFlows, "ro") + " " +
                        expected(kOther, "ro"));
}

// By whatever name the container has it, though no policy gives that any more.
TEST_P(ExceptionsEdited, TakeTheObjectThatThePathLeadsTo) {
  const std::string alias = "/sys/fs/bpf/alias";
  ASSERT_THAT(pinscope::test::run({"bpftool", "map", "pin", "pinned", kFlows, alias}), Succeeds());
  policy("shared", {"{pin: /sys/fs/bpf/alias, access: read-write}", kGrantCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  policy("shared", {kGrantCounters});
  expect_on_it("revoke", {kFlows});
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
  pins_.remove(alias);
}

// Two that take the same each hold it, by whichever path they found it.
TEST_P(ExceptionsEdited, HoldWhatAShorterOneFoundFirst) {
  const std::string alias = "/sys/fs/bpf/alias";
  const std::string again = "/sys/fs/bpf/again";
  for (const auto& path : {alias, again})
    ASSERT_THAT(pinscope::test::run({"bpftool", "map", "pin", "pinned", kFlows, path}), Succeeds());
  policy("shared", {kGrantFlows, kGrantCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("revoke", {again, "--for", "1s"});
  EXPECT_THAT(pinscope::test::run(argv("revoke", {"--all", alias, "--reason", "x"})), Succeeds());
  ASSERT_NO_FATAL_FAILURE(let_one_run_out());
  EXPECT_THAT(expire(), Succeeds());
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
  for (const auto& path : {alias, again}) pins_.remove(path);
}

// What was taken is known by its object, which an apply does not forget.
TEST_P(ExceptionsEdited, HoldTheObjectOfWhatWasTakenBeforeAnApply) {
  policy("shared", {kGrantFlows, kGrantCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("revoke", {kFlows, "--for", "1s"});
  expect_applied();
  expect_on_it("revoke", {"--object", "map:" + std::to_string(map_id(kFlows))});
  ASSERT_NO_FATAL_FAILURE(let_one_run_out());
  EXPECT_THAT(expire(), Succeeds());
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
}

// What could not be given back when it was over comes when there are policies again.
TEST_P(ExceptionsEdited, AreGivenBackOnceThereArePoliciesAgain) {
  policy("shared", {kGrantFlows, kGrantCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("grant", {kOther, "--for", "1s"});
  expect_on_it("revoke", {kFlows, "--for", "1s"});
  break_policies();
  ASSERT_NO_FATAL_FAILURE(let_it_run_out());
  EXPECT_EQ(expire().status, 1) << "something is left";
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
  policy("shared", {kGrantFlows, kGrantCounters});
  EXPECT_THAT(expire(), Succeeds());
  EXPECT_EQ(seen(), expected(kCounters, "ro") + " " + expected(kFlows, "ro"));
}

TEST_P(ExceptionsEdited, TakeWhatIsBelowADirectoryThatAGlobMatches) {
  std::filesystem::create_directory("/sys/fs/bpf/agent");
  pins_.map("/sys/fs/bpf/agent/state");
  policy("shared", {"{pin: /sys/fs/bpf/agent/state}", kGrantCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  policy("shared", {kGrantCounters});
  expect_on_it("revoke", {"/sys/fs/bpf/agen?"});
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
  pins_.remove("/sys/fs/bpf/agent/state");
  std::filesystem::remove("/sys/fs/bpf/agent");
}

TEST_P(ExceptionsEdited, TakeAwayWithoutAnyPoliciesInForce) {
  policy("shared", {kGrantFlows, kGrantCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("grant", {kOther, "--for", "1s"});
  expect_on_it("grant", {kOther, "--for", "1h", "--name", "longer"});
  break_policies();
  ASSERT_NO_FATAL_FAILURE(let_one_run_out());
  EXPECT_THAT(expire().out, HasSubstr("removed \"other\""));
  EXPECT_THAT(on_it("grant", {kOther, "--undo"}).out, HasSubstr("removed \"longer\""));
  EXPECT_THAT(on_it("revoke", {kFlows}).out, HasSubstr("removed \"flows\""));
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
  EXPECT_EQ(on_it("grant", {kOther, "--for", "1h"}).status, 1) << "nobody can judge it";
}

// It stands in the record either as what is waited for or as what was taken.
TEST_P(ExceptionsEdited, GiveBackWhatIsWaitedFor) {
  pins_.remove(kFlows);
  policy("shared", {"{pin: /sys/fs/bpf/flows, follow: true, missing: wait}", kGrantCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("revoke", {kFlows, "--for", "1s"});
  pins_.map(kFlows);
  ASSERT_NO_FATAL_FAILURE(let_it_run_out());
  EXPECT_THAT(expire(), Succeeds());
  EXPECT_EQ(seen(), expected(kCounters, "ro") + " " + expected(kFlows, "ro"));
  // And the other way round: it is waited for again.
  expect_on_it("revoke", {kFlows});
  pins_.remove(kFlows);
  expect_on_it("revoke", {"--undo", kFlows});
  pins_.map(kFlows);
  expect_applied({"--automatic", "--container", container_.id()});
  EXPECT_EQ(seen(), expected(kCounters, "ro") + " " + expected(kFlows, "ro"));
}

TEST_P(ExceptionsEdited, AreUndoneUnderOneNameAlone) {
  policy("shared", {kGrantFlows});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("grant", {kOther, "--for", "1h", "--name", "one"});
  expect_on_it("grant", {kOther, "--for", "1h", "--name", "two"});
  expect_on_it("grant", {kOther, "--undo", "--name", "two"});
  EXPECT_THAT(seen(), HasSubstr("one:"));
  EXPECT_THAT(seen(), Not(HasSubstr("two:")));
}

// Who waits for the end of what somebody else has made longer meanwhile.
TEST_P(ExceptionsEdited, AreNotUndoneByWhoeverMadeAnEarlierOne) {
  if (!wrapper_.empty()) GTEST_SKIP() << "the program that plays the kernel would get the signal";
  policy("shared", {kGrantFlows});
  ASSERT_NO_FATAL_FAILURE(start());
  const auto waited =
      Command(argv("grant", {kOther, "--for", "1h", "--wait", "--reason", "x", "--container",
                             container_.id()}))
          .while_running([&](pid_t waiting) {
            EXPECT_TRUE(wait_until([&] { return seen().find("other") != std::string::npos; }));
            expect_on_it("grant", {kOther, "--for", "2h"});
            kill(waiting, SIGTERM);
          })
          .run();
  EXPECT_EQ(waited.status, 0) << waited;
  EXPECT_EQ(seen(), expected(kFlows, "ro") + " " + expected(kOther, "ro"));
}

// Killed in between, a revocation stands in the record and has not had its effect.
TEST_P(ExceptionsCutShort, AreFinishedWhereTheyWereMade) {
  policy("shared", {kGrantFlows, kGrantCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  const auto killed = killed_at(SYS_move_mount, "revoke", {kFlows, "--reason", "x"});
  EXPECT_EQ(killed.status, 1) << killed;
  EXPECT_THAT(killed.out, HasSubstr("see pinscope drift"));
  EXPECT_TRUE(lists("in force"));
  EXPECT_EQ(seen(), expected(kCounters, "ro") + " " + expected(kFlows, "ro"));
  EXPECT_THAT(expire(), Succeeds());
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
}

TEST_P(ExceptionsCutShort, AreOverWhereTheyWereUndone) {
  policy("shared", {kGrantFlows});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("grant", {kOther, "--for", "1h"});
  EXPECT_EQ(killed_at(SYS_umount2, "grant", {kOther, "--undo", "--reason", "x"}).status, 1);
  EXPECT_TRUE(lists("ran out"));
  EXPECT_THAT(expire(), Succeeds());
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
}

TEST_P(ExceptionsCutShort, BringNothingBackThatAnApplyWasTaking) {
  policy("shared", {kGrantFlows, kGrantCounters});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("grant", {kOther, "--for", "1h"});
  policy("shared", {kGrantFlows});
  EXPECT_EQ(killed_at(SYS_renameat, "apply", {}).status, 1);
  EXPECT_THAT(seen(), Not(HasSubstr("counters")));
  (void)expire();
  EXPECT_THAT(seen(), Not(HasSubstr("counters")));
  expect_applied();
  EXPECT_EQ(seen(), expected(kFlows, "ro") + " " + expected(kOther, "ro"));
}

// What somebody else shows it is beyond a revocation, which says so.
TEST_P(ExceptionsEdited, SayWhereAViewIsVoid) {
  container_.spec.mounts.push_back(
      {.destination = "/host", .type = "bind", .source = "/sys/fs/bpf", .options = {"rbind"}});
  installation_.write_policy(
      policy_text("select: {}\nview: {hostBpffs: allow}\ngrants: [{pin: /sys/fs/bpf/flows}]\n"));
  ASSERT_NO_FATAL_FAILURE(start());
  const auto revoked = on_it("revoke", {kFlows});
  EXPECT_EQ(revoked.status, 1) << revoked;
  EXPECT_THAT(revoked.err, HasSubstr("is void (host-bpffs)"));
  EXPECT_EQ(seen(), "");
}

PINSCOPE_EACH_RUNTIME(ExceptionsEdited);
PINSCOPE_EACH_RUNTIME(ExceptionsCutShort);

}  // namespace
}  // namespace pinscope::test
