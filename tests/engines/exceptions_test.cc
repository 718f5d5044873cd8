// `pinscope revoke` and `pinscope grant` beside real containers: what they see, what every output
// says of it, and how it ends.
#include <fcntl.h>
#include <sys/resource.h>

#include <chrono>
#include <thread>

#include "plugin/json/json.h"
#include "tests/support/container/swap_test.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Notes of a table are broken into lines.
CommandResult in_one_line(CommandResult result) {
  std::string text;
  for (const char byte : result.out) {
    const bool is_space = byte == ' ' || byte == '\n';
    if (!is_space || !text.ends_with(' ')) text += is_space ? ' ' : byte;
  }
  result.out = text;
  return result;
}

class Exceptions : public SwapTest {
 protected:
  [[nodiscard]] CommandResult command(const std::string& name,
                                      std::vector<std::string> arguments) const {
    return in_one_line(pinscope::test::run(argv(name, arguments)));
  }
  // `pinscope revoke --container THIS --reason … ARGUMENTS`
  [[nodiscard]] CommandResult on_it(const std::string& name, std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--container", container_.id(), "--reason", "an incident"});
    return command(name, arguments);
  }
  void expect_on_it(const std::string& name, const std::vector<std::string>& arguments) {
    const auto result = on_it(name, arguments);
    EXPECT_EQ(result.status, 0) << result;
  }
  [[nodiscard]] std::string shown(const std::string& name,
                                  const std::vector<std::string>& arguments = {}) const {
    auto words = argv(name, arguments);
    if (name == "list" || name == "inspect")
      words = {kPinscope, name, "--state-dir", installation_.state_directory()};
    if (name == "inspect") words.push_back(container_.id());
    const auto result = in_one_line(pinscope::test::run(words));
    return result.out + result.err;
  }
  [[nodiscard]] std::string who_has(const std::string& pin) const {
    return in_one_line(pinscope::test::run(
                           {kPinscope, "who", "--state-dir", installation_.state_directory(), pin}))
        .out;
  }
  // Until the second of its end is over.
  void let_it_run_out() {
    ASSERT_TRUE(
        wait_until([&] { return shown("exceptions").find("ran out") != std::string::npos; }));
  }
};

TEST_P(Exceptions, TakeAwayAtOnceAndGiveBack) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/counters, access: read-write}"});
  ASSERT_NO_FATAL_FAILURE(start());
  const auto result = on_it("revoke", {"/sys/fs/bpf/counters"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out, AllOf(HasSubstr("removed \"counters\""), HasSubstr("\"an incident\""),
                                HasSubstr("Containers that start later get it all the same")));
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
  // It stays so, whatever is applied.
  replace(kFlows);
  expect_applied();
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
  for (const char* name : {"list", "inspect", "exceptions", "drift"})
    EXPECT_THAT(shown(name), AllOf(HasSubstr("exception 1 (revoke)"), HasSubstr("an incident")))
        << name;
  EXPECT_THAT(shown("drift"), HasSubstr("no drift"));
  expect_on_it("revoke", {"--undo", "/sys/fs/bpf/counters"});
  EXPECT_EQ(seen(), expected(kCounters, "rw") + " " + expected(kFlows, "ro"));
  EXPECT_THAT(shown("exceptions"), HasSubstr("no exceptions"));
  EXPECT_THAT(installation_.record(container_.id()), Not(HasSubstr("an incident")));
}

TEST_P(Exceptions, AreInTheAuditTrailWithWhoWhyAndUntilWhen) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("revoke", {"flows", "--for", "1h"});
  EXPECT_EQ(seen(), "");
  const auto line = installation_.last_audit();
  EXPECT_EQ(line.outcome, "changed");
  EXPECT_EQ(line.stage, "revoke");
  EXPECT_THAT(line.text, AllOf(HasSubstr(R"("state":"made","pin":"/sys/fs/bpf/flows")"),
                               HasSubstr(R"("until":"20)"), HasSubstr(R"("by":{"uid":0)"),
                               HasSubstr(R"("reason":"an incident")")));
  expect_on_it("revoke", {"--undo"});
  EXPECT_THAT(installation_.last_audit().text,
              AllOf(HasSubstr(R"("state":"undone")"), HasSubstr(R"(undone: \"an incident\")")));
}

TEST_P(Exceptions, GiveForSomeTimeInEachLayout) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  for (const char* layout : {"shared", "per-map"}) {
    SCOPED_TRACE(layout);
    policy(layout, {"{pin: /sys/fs/bpf/flows}"});
    apply();
    const auto made = on_it("grant", {kOther, "--for", "10m", "--access", "read-write"});
    EXPECT_EQ(made.status, 0) << made;
    EXPECT_THAT(made.out, HasSubstr("It ends at 20"));
    EXPECT_EQ(seen(), expected(kFlows, "ro") + " " + expected(kOther, "rw"));
    EXPECT_THAT(shown("drift"), AllOf(HasSubstr("no drift"), HasSubstr("exception 1 (grant)")));
    EXPECT_THAT(who_has(kOther), HasSubstr("exception 1 (grant) until 20"));
    // Longer, with nothing else to do.
    expect_on_it("grant", {kOther, "--for", "2h", "--access", "read-write"});
    EXPECT_THAT(shown("exceptions"), Not(HasSubstr("exception 2")));
    expect_on_it("grant", {kOther, "--undo"});
    EXPECT_EQ(seen(), expected(kFlows, "ro"));
  }
}

TEST_P(Exceptions, EndOnTime) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("grant", {kOther, "--for", "1s"});
  ASSERT_NO_FATAL_FAILURE(let_it_run_out());
  // The view has it still: every output says so.
  EXPECT_EQ(seen(), expected(kFlows, "ro") + " " + expected(kOther, "ro"));
  for (const char* name : {"list", "inspect", "exceptions"})
    EXPECT_THAT(shown(name), HasSubstr("not undone yet")) << name;
  EXPECT_THAT(shown("drift"), AllOf(HasSubstr("extra"), HasSubstr("not undone yet")));
  EXPECT_THAT(who_has(kOther), HasSubstr("exception 1 (grant) ran out at 20"));
  const auto expired = command("exceptions", {"--expire"});
  EXPECT_EQ(expired.status, 0) << expired;
  EXPECT_THAT(expired.out, AllOf(HasSubstr("ran-out exception 1"), HasSubstr("no exceptions")));
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
  EXPECT_THAT(installation_.last_audit().text, HasSubstr(R"("state":"ran-out")"));
  EXPECT_THAT(shown("drift"), HasSubstr("no drift"));
}

TEST_P(Exceptions, SayWhenTheNextOneEnds) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/counters}"});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("revoke", {"flows"});
  EXPECT_THAT(shown("exceptions", {"--expire", "--output", "json"}), Not(HasSubstr("\"next\"")));
  expect_on_it("revoke", {"counters", "--for", "10m"});
  EXPECT_THAT(shown("exceptions", {"--expire", "--output", "json"}), HasSubstr("\"next\": \"20"));
  EXPECT_EQ(seen(), "");
}

TEST_P(Exceptions, AreUndoneByWhoeverWaits) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  // Until the time is up, and until it is told to end.
  const auto waited = on_it("grant", {kOther, "--for", "1s", "--wait"});
  EXPECT_EQ(waited.status, 0) << waited;
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
  if (!wrapper_.empty()) return;  // it would get the signal
  const pid_t waiting = fork();
  if (waiting == 0) {
    const auto words = argv("grant", {kOther, "--for", "1h", "--wait", "--reason", "x",
                                      "--container", container_.id()});
    std::vector<char*> raw;
    for (const auto& word : words) raw.push_back(const_cast<char*>(word.c_str()));  // NOLINT
    raw.push_back(nullptr);
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, 1);
    execv(raw[0], raw.data());
    _exit(127);
  }
  EXPECT_TRUE(wait_until([&] { return seen().find("other") != std::string::npos; }));
  kill(waiting, SIGTERM);
  int status = -1;
  waitpid(waiting, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
  EXPECT_THAT(shown("exceptions"), HasSubstr("no exceptions"));
}

TEST_P(Exceptions, GiveNothingThatIsDeniedOrRevoked) {
  installation_.write_policy(policy_text(
      "select: {}\ngrants: [{pin: /sys/fs/bpf/flows}]\ndeny: [{pin: /sys/fs/bpf/other}]\n"));
  ASSERT_NO_FATAL_FAILURE(start());
  const auto denied = on_it("grant", {kOther, "--for", "1h"});
  EXPECT_EQ(denied.status, 1) << denied;
  EXPECT_THAT(denied.out, AllOf(HasSubstr("it is denied"), HasSubstr("policy ")));
  expect_on_it("revoke", {kFlows});
  const auto revoked = on_it("grant", {kFlows, "--for", "1h"});
  EXPECT_EQ(revoked.status, 1) << revoked;
  EXPECT_THAT(revoked.out, HasSubstr("exception 1 (revoke)"));
  EXPECT_EQ(seen(), "");
}

TEST_P(Exceptions, SayWhatTheyCannotDo) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  const auto not_granted = on_it("revoke", {kOther});
  EXPECT_EQ(not_granted.status, 1) << not_granted;
  EXPECT_THAT(not_granted.out, HasSubstr("it is not granted"));
  const auto nobody = command("revoke", {"--all", kOther, "--reason", "x"});
  EXPECT_EQ(nobody.status, 1) << nobody;
  EXPECT_THAT(nobody.err, HasSubstr("no container that runs has it"));
  EXPECT_EQ(on_it("grant", {kFlows, "--for", "1h"}).status, 1);
  EXPECT_EQ(on_it("grant", {"/sys/fs/bpf/nothing-here", "--for", "1h"}).status, 1);
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"revoke", "--container", container_.id(), kFlows},
           {"revoke", "--container", container_.id(), "--reason", "  "},
           {"revoke", "--reason", "x", kFlows},
           {"revoke", "--all", "--reason", "x"},
           {"grant", "--container", container_.id(), "--reason", "x", kOther},
           {"grant", "--container", container_.id(), "--reason", "x", "--for", "ten", kOther},
           {"grant", "--container", container_.id(), "--reason", "x", "--for", "1h", "/sys/*"},
           {"revoke", "--all", "--reason", std::string(513, 'x'), kFlows},
           {"revoke", "--all", "--reason", "x", "--object", "map", kFlows}})
    EXPECT_EQ(command(words.front(), {words.begin() + 1, words.end()}).status, 2)
        << testing::PrintToString(words);
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
  EXPECT_THAT(shown("exceptions"), HasSubstr("no exceptions"));
}

// An agent has crashed, and its pins are gone: this is when it is needed.
TEST_P(Exceptions, TakeAwayFromAContainerThatWouldNotStartNow) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/counters}"});
  ASSERT_NO_FATAL_FAILURE(start());
  policy("shared", {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/counters, access: read-write}",
                    "{pin: /sys/fs/bpf/other}", "{pin: /sys/fs/bpf/nothing-here}"});
  const auto result = on_it("revoke", {kFlows});
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.out, AllOf(HasSubstr("removed \"flows\""),
                                HasSubstr("it would not start now, so that nothing is added")));
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
}

TEST_P(Exceptions, TakeAwayWherePoliciesDisagree) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/counters}"});
  ASSERT_NO_FATAL_FAILURE(start());
  installation_.write_policy(policy_text("select: {}\nview: {layout: shared}\ngrants: [{pin: "
                                         "/sys/fs/bpf/flows}]\n") +
                             "---\napiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: "
                             "other}\nspec:\n  select: {}\n  view: {layout: per-map}\n");
  EXPECT_EQ(apply().status, 1);
  replace(kCounters);
  const auto result = on_it("revoke", {kFlows});
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.out, AllOf(HasSubstr("removed \"flows\""), HasSubstr("removed \"counters\""),
                                HasSubstr("so that nothing is added")));
  EXPECT_EQ(seen(), "");
}

TEST_P(Exceptions, TakeAwayWhateverBecameOfThePolicyFiles) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  installation_.write_policy("nonsense: [");
  EXPECT_EQ(on_it("grant", {kOther, "--for", "1h"}).status, 1);
  expect_on_it("revoke", {kFlows});
  EXPECT_EQ(seen(), "");
}

TEST_P(Exceptions, TakeAnObjectAwayFromEverybody) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/counters}"});
  ASSERT_NO_FATAL_FAILURE(start());
  ASSERT_NO_FATAL_FAILURE(start_second());
  const auto result = command(
      "revoke", {"--all", "--object", "map:" + std::to_string(map_id(kFlows)), "--reason", "x"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out, HasSubstr("2 containers: 2 changed"));
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
}

TEST_P(Exceptions, TellWhoGoesOnWithWhatIsRevoked) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  container_.spec.capabilities.emplace_back("CAP_SYS_ADMIN");
  ASSERT_NO_FATAL_FAILURE(start());
  const pid_t holder = fork();
  if (holder == 0) {
    const std::string path = "/proc/" + std::to_string(container_.pid()) + "/ns/mnt";
    if (setns(open(path.c_str(), O_RDONLY), CLONE_NEWNS) != 0) _exit(1);
    DECLARE_LIBBPF_OPTS(bpf_obj_get_opts, reading, .file_flags = BPF_F_RDONLY);
    if (bpf_obj_get_opts("/sys/fs/bpf/flows", &reading) < 0) _exit(2);
    raise(SIGSTOP);
    _exit(0);
  }
  int status = 0;
  waitpid(holder, &status, WUNTRACED);
  EXPECT_TRUE(WIFSTOPPED(status));
  const auto result = on_it("revoke", {kFlows});
  EXPECT_THAT(result.out, HasSubstr("not taken back: process " + std::to_string(holder)));
  kill(holder, SIGKILL);
  waitpid(holder, nullptr, 0);
}

TEST_P(Exceptions, EndWithTheContainer) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  expect_on_it("grant", {kOther, "--for", "1s"});
  (void)container_.kill();
  container_.wait_stopped();
  const auto gone = on_it("revoke", {kFlows});
  EXPECT_EQ(gone.status, 1) << gone;
  const auto expired = command("exceptions", {"--expire"});
  EXPECT_EQ(expired.status, 0) << expired;
  EXPECT_THAT(expired.out, HasSubstr("no exceptions"));
}

PINSCOPE_EACH_RUNTIME(Exceptions);

}  // namespace
}  // namespace pinscope::test
