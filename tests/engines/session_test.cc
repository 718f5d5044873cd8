// Sessions of the host itself: `pinscope run`, and logins through pam_pinscope.
#include <sys/mount.h>

#include <csignal>

#include <filesystem>

#include "tests/engines/engine_test.h"
#include "tests/engines/values_daemons.h"
#include "tests/support/bpf/programs.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/private_machine.h"
#include "tests/support/machine/silent_file_system.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";
constexpr const char* kProbe = PINSCOPE_BIN_DIR "/pinscope_probe";
constexpr uint32_t kUser = 4001;
constexpr uint32_t kOther = 4002;

class Run : public testing::Test {
 protected:
  Run() {
    pins_.map("/sys/fs/bpf/flows");
    pins_.map("/sys/fs/bpf/keys");
    set_value("/sys/fs/bpf/flows", 1, 42);
    // The probe is below the build directory, which users need not be able to reach.
    std::filesystem::copy(kProbe, directory_.path("probe"));
    installation_.write_policy(
        policy_text("select: {engine: host, user: {uid: 4001}}\n"
                    "grants:\n  - {pin: /sys/fs/bpf/flows, access: read}\n"));
  }

  void TearDown() override { wait_for_children(); }

  [[nodiscard]] std::vector<std::string> argv(const std::vector<std::string>& words) const {
    std::vector<std::string> result = {kPinscope,     "run",
                                       "--policy",    installation_.policy_directory(),
                                       "--state-dir", installation_.state_directory(),
                                       "--cache-dir", installation_.cache_directory(),
                                       "--audit",     installation_.audit_path()};
    result.insert(result.end(), words.begin(), words.end());
    return result;
  }
  CommandResult run(const std::vector<std::string>& words) { return Command(argv(words)).run(); }
  CommandResult probe(uint32_t user, const std::vector<std::string>& commands) {
    std::vector<std::string> words = {"--user", std::to_string(user), "--",
                                      directory_.path("probe")};
    words.insert(words.end(), commands.begin(), commands.end());
    return run(words);
  }

  HostPins pins_;
  Installation installation_;
  TempDirectory directory_{0755};
};

TEST_F(Run, ShowsAUserExactlyWhatThePolicyGrants) {
  auto commands = kUseTheGrant;
  commands.emplace_back("id");
  const auto result = probe(kUser, commands);
  expect_the_grant_works(result);
  EXPECT_EQ(answer(result, "id"), "ok uid=4001 gid=4001");
  // Nothing of it is on the host.
  EXPECT_EQ(value_at("/sys/fs/bpf/flows", 1), 42U);
  ASSERT_TRUE(wait_until([&] { return installation_.audit().size() == 3; }));
  EXPECT_EQ(installation_.audit()[1].outcome, "granted");
  EXPECT_EQ(installation_.audit()[1].stage, "run");
}

TEST_F(Run, ShowsAUserTheValuesOfAMap) {
  if (!SilentFileSystem::possible()) GTEST_SKIP() << "there is no FUSE here";
  const ValuesDaemons daemons(installation_.state_directory());
  installation_.write_policy(
      policy_text("select: {engine: host, user: {uid: 4001}}\nview: {values: only}\n"
                  "grants:\n  - {pin: /sys/fs/bpf/flows, mode: \"0444\"}\n"));
  const auto result = probe(kUser, {"ls /run/bpf", "cat /run/bpf/flows/entries"});
  EXPECT_EQ(answer(result, "ls /run/bpf"), "ok flows") << result;
  EXPECT_EQ(answer(result, "cat /run/bpf/flows/entries"), "ok " + std::string(kEntryOf42));
  EXPECT_TRUE(wait_until([&] { return installation_.records().empty(); }));
  EXPECT_FALSE(std::filesystem::exists("/run/bpf/flows")) << "it is the session's alone";
}

TEST_F(Run, OfRootIsVoidAndRefusedIfThePolicySaysReject) {
  const std::string rest =
      "select: {engine: host, user: {uid: 0}}\n"
      "grants:\n  - {pin: /sys/fs/bpf/flows, access: read}\n";
  installation_.write_policy(policy_text(rest));
  EXPECT_THAT(probe(0, {"id"}), Succeeds());
  EXPECT_THAT(installation_.last_audit().text, HasSubstr("\"void\":[\"cap-sys-admin\""));
  installation_.write_policy(policy_text(rest + "view: {void: reject}\n"));
  EXPECT_EQ(probe(0, {"id"}).status, 125);
  EXPECT_EQ(installation_.last_audit().code, "void-view");
}

// A session has the machine's interfaces and cgroups.
TEST_F(Run, GivesAUserProgramsForSocketsAndNoneThatReachTheMachine) {
  pins_.program("/sys/fs/bpf/filter");
  pins_.object(make_program_of_type(6, 37), "/sys/fs/bpf/xdp");  // BPF_XDP
  const auto granted = [&](const std::string& name) {
    installation_.write_policy(
        policy_text("select: {engine: host, user: {uid: 4001}}\n"
                    "grants:\n  - {pin: /sys/fs/bpf/" +
                    name + ", access: use}\n"));
    auto result = probe(kUser, {"attach-socket /sys/fs/bpf/" + name});
    EXPECT_TRUE(wait_until([&] { return installation_.records().empty(); }));
    return result;
  };
  EXPECT_EQ(answer(granted("filter"), "attach-socket /sys/fs/bpf/filter"), "ok");
  const auto refused = granted("xdp");
  EXPECT_EQ(refused.status, 125) << refused;
  EXPECT_EQ(installation_.last_audit().code, "delegation");
  EXPECT_THAT(installation_.last_audit().error, HasSubstr("where a program of type \"xdp\""));
}

// The command's exit status is the command's, so nothing of ours is its parent; a process that
// waits for it tells of its end.
TEST_F(Run, LeavesNoRecordBehindHoweverTheSessionEnds) {
  EXPECT_THAT(probe(kUser, {"id"}), Succeeds());
  EXPECT_TRUE(wait_until([&] { return installation_.records().empty(); }));
  EXPECT_TRUE(wait_until([&] { return installation_.last_audit().outcome == "removed"; }));
  EXPECT_EQ(installation_.last_audit().stage, "run");
  EXPECT_THAT(installation_.last_audit().text, HasSubstr("\"engine\":\"host\",\"uid\":4001}"));
  const auto killed =
      Command(argv({"--user", "4001", "--", "sleep", "600"}))
          .while_running([&](pid_t child) {
            EXPECT_TRUE(wait_until([&] { return !installation_.records().empty(); }));
            check(kill(child, SIGKILL), "kill");
          })
          .run();
  EXPECT_EQ(killed.status, 128 + SIGKILL);
  EXPECT_TRUE(wait_until([&] { return installation_.records().empty(); }));
}

// It holds neither the session's terminal nor what the session's output goes to.
TEST_F(Run, IsNotHeldUpByTheProcessThatWaitsForItsEnd) {
  const auto result =
      run({"--user", "4001", "--", "sh", "-c", "echo done; exec >&- 2>&-; sleep 0.1"});
  EXPECT_EQ(result.out, "done\n");
  EXPECT_EQ(result.status, 0);
}

TEST_F(Run, GetsAnotherViewWhileItLasts) {
  const auto living =
      Command(argv({"--user", "4001", "--", "sleep", "600"}))
          .while_running([&](pid_t child) {
            const std::string view = "/proc/" + std::to_string(child) + "/root/sys/fs/bpf";
            EXPECT_TRUE(
                wait_until([&] { return installation_.last_audit().outcome == "granted"; }));
            EXPECT_TRUE(std::filesystem::exists(view + "/flows"));
            installation_.write_policy(
                policy_text("select: {engine: host, user: {uid: 4001}}\n"
                            "grants:\n  - {pin: /sys/fs/bpf/keys, access: read}\n"));
            auto words = argv({"--all"});
            words[1] = "apply";
            const auto applied = pinscope::test::run(words);
            EXPECT_EQ(applied.status, 0) << applied;
            EXPECT_FALSE(std::filesystem::exists(view + "/flows"));
            EXPECT_TRUE(std::filesystem::exists(view + "/keys"));
            check(kill(child, SIGKILL), "kill");
          })
          .run();
  EXPECT_EQ(living.status, 128 + SIGKILL);
  // Nothing of it is on the host.
  EXPECT_EQ(value_at("/sys/fs/bpf/flows", 1), 42U);
  EXPECT_TRUE(wait_until([&] { return installation_.records().empty(); }));
}

TEST_F(Run, ForgetsTheSessionsThatHaveEndedAndNoOther) {
  const auto living =
      Command(argv({"--user", "4001", "--", "sleep", "600"}))
          .while_running([&](pid_t child) {
            const std::string record = "session-" + std::to_string(child) + ".json";
            EXPECT_TRUE(wait_until([&] { return !installation_.records().empty(); }));
            for (int i = 0; i < 5; ++i) EXPECT_THAT(probe(kUser, {"id"}), Succeeds());
            EXPECT_TRUE(wait_until([&] { return installation_.records().size() == 1; }));
            EXPECT_THAT(installation_.records(), testing::Contains(record));
            check(kill(child, SIGKILL), "kill");
          })
          .run();
  EXPECT_EQ(living.status, 128 + SIGKILL);
  const auto removed = [&] {
    int count = 0;
    for (const auto& line : installation_.audit()) count += line.outcome == "removed" ? 1 : 0;
    return count;
  };
  EXPECT_TRUE(wait_until([&] { return removed() == 6; })) << removed();
  for (const auto& line : installation_.audit()) {
    if (line.outcome == "policy-accepted") continue;
    EXPECT_THAT(line.text, HasSubstr("\"engine\":\"host\",\"uid\":4001}"));
  }
}

TEST_F(Run, ShowsEachUserTheirOwnMap) {
  installation_.write_policy(policy_text("select: {engine: host, user: {uid: 4002}}\n"
                                         "grants:\n  - {pin: /sys/fs/bpf/keys}\n",
                                         "other"),
                             "other.yaml");
  EXPECT_EQ(answer(probe(kUser, {"ls /sys/fs/bpf"}), "ls /sys/fs/bpf"), "ok flows");
  EXPECT_EQ(answer(probe(kOther, {"ls /sys/fs/bpf"}), "ls /sys/fs/bpf"), "ok keys");
}

TEST_F(Run, RefusesAUserWhomNoPolicySelects) {
  const auto result = probe(kOther, {"id"});
  EXPECT_EQ(result.status, 125);
  EXPECT_EQ(answer(result, "id"), "no answer");
  EXPECT_EQ(result.err,
            "pinscope: cannot give user 4002 a view: no policy selects this user on the host (a "
            "policy does with select: {engine: host, user: {uid: 4002}})\n");
}

TEST_F(Run, LeavesNothingBehindWhereAGrantIsMissing) {
  pins_.remove("/sys/fs/bpf/flows");
  const auto result = probe(kUser, {"id"});
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.err, HasSubstr("\"/sys/fs/bpf/flows\""));
  EXPECT_EQ(installation_.last_audit().code, "source-missing");
  EXPECT_THAT(installation_.records(), IsEmpty());
}

TEST_F(Run, DoesNotSelectContainersAndIsNotSelectedAsOne) {
  installation_.write_policy(
      policy_text("select: {engine: [podman, docker, containerd, crio]}\n"
                  "grants:\n  - {pin: /sys/fs/bpf/flows}\n"));
  EXPECT_EQ(probe(kUser, {"id"}).status, 125);
}

TEST_F(Run, IsTheCommandItself) {
  pid_t started = 0;
  const auto result = Command(argv({"--user", "4001", "--", "sh", "-c", "echo $$; cat; exit 7"}))
                          .input("standard input")
                          .while_running([&](pid_t child) { started = child; })
                          .run();
  EXPECT_EQ(result.status, 7);
  EXPECT_EQ(result.out, std::to_string(started) + "\nstandard input");
  EXPECT_EQ(run({"--user", "4001", "--", "sh", "-c", "kill -TERM $$"}).status, 128 + SIGTERM);
}

TEST_F(Run, SaysWhyACommandCannotBeRunAsEnvDoes) {
  const std::string missing = directory_.path("missing");
  const auto result = run({"--user", "4001", "--", missing});
  EXPECT_EQ(result.status, 127);
  EXPECT_EQ(result.err, "pinscope: cannot run \"" + missing + "\": No such file or directory\n");
  EXPECT_EQ(run({"--user", "4001", "--", directory_.path()}).status, 126);
  EXPECT_EQ(run({"--user", "nobody-of-this-name", "--", "id"}).err,
            "pinscope: cannot run as user \"nobody-of-this-name\": there is no such user\n");
  EXPECT_EQ(run({}).err, "pinscope: cannot run a command: none is given (put it behind --)\n");
}

// Root's session shows another object under the name that alice's policy grants.
TEST_F(Run, TakesSourcesFromTheMachineAndNotFromTheSessionThatItIsStartedIn) {
  set_value("/sys/fs/bpf/keys", 1, 7);
  installation_.write_policy(policy_text("select: {engine: host, user: {uid: 0}}\n"
                                         "grants:\n  - {pin: /sys/fs/bpf/keys, as: flows}\n",
                                         "root"),
                             "root.yaml");
  const std::string lookup = "lookup /sys/fs/bpf/flows 1";
  // A process of its own: a session is called by its process.
  std::vector<std::string> outer = {"--", "sh", "-c", "\"$@\"; exit $?", "sh"};
  EXPECT_EQ(answer(run({"--", directory_.path("probe"), lookup}), lookup), "ok 7");
  const auto inner = argv({"--user", "4001", "--", directory_.path("probe"), lookup});
  outer.insert(outer.end(), inner.begin(), inner.end());
  const auto result = run(outer);
  EXPECT_EQ(answer(result, lookup), "ok 42") << result;
}

// exec: the process stays the same one, and leaves the view of the session before behind.
TEST_F(Run, BeginsASessionInTheProcessOfAnother) {
  installation_.write_policy(policy_text("select: {engine: host, user: {uid: 0}}\n"
                                         "grants:\n  - {pin: /sys/fs/bpf/keys, as: flows}\n",
                                         "root"),
                             "root.yaml");
  const std::string lookup = "lookup /sys/fs/bpf/flows 1";
  std::vector<std::string> words = {"--"};
  for (int session = 0; session < 2; ++session) {
    const auto inner = argv({"--"});
    words.insert(words.end(), inner.begin(), inner.end());
  }
  const auto innermost = argv({"--user", "4001", "--", directory_.path("probe"), lookup});
  words.insert(words.end(), innermost.begin(), innermost.end());
  const auto result = run(words);
  EXPECT_EQ(answer(result, lookup), "ok 42") << result;
  EXPECT_TRUE(wait_until([&] { return installation_.records().empty(); }));
}

TEST_F(Run, TakesANumberThatNobodyIsNamedAndANumberBehindAPlus) {
  for (const char* user : {"4001", "+4001"}) {
    const auto result = run({"--user", user, "--", directory_.path("probe"), "id"});
    EXPECT_EQ(answer(result, "id"), "ok uid=4001 gid=4001") << result;
  }
  EXPECT_EQ(run({"--login", "4001", "--", "id"}).err,
            "pinscope: cannot run as user \"4001\": there is no such user\n");
  EXPECT_EQ(run({"--user", "+", "--", "id"}).status, 125);
  EXPECT_EQ(run({"--user", "+4294967295", "--", "id"}).status, 125);
}

TEST_F(Run, TakesEveryOtherBpffsAway) {
  const std::string other = directory_.make_directory("bpf");
  check(::mount("bpf", other.c_str(), "bpf", 0, nullptr), "mount a bpffs");
  const auto result = probe(kUser, {"statfs " + other});
  check(::umount2(other.c_str(), MNT_DETACH), "unmount it");
  EXPECT_THAT(answer(result, "statfs " + other), Not(HasSubstr("bpf")));
}

// As where the process that waits for the end was killed.
TEST_F(Run, GcCollectsARecordThatWasLeft) {
  const std::string records = installation_.state_directory() + "/containers";
  Command(argv({"--user", "4001", "--", "sleep", "600"}))
      .while_running([&](pid_t child) {
        EXPECT_TRUE(wait_until([&] { return !installation_.records().empty(); }));
        std::filesystem::copy(records, directory_.path("left"));
        check(kill(child, SIGKILL), "kill");
      })
      .run();
  EXPECT_TRUE(wait_until([&] { return installation_.records().empty(); }));
  std::filesystem::copy(directory_.path("left"), records);
  EXPECT_THAT(installation_.records(), SizeIs(1));
  EXPECT_THAT(installation_.run_gc(), Succeeds());
  EXPECT_THAT(installation_.records(), IsEmpty());
  EXPECT_EQ(installation_.last_audit().outcome, "collected");
}

// Root without a user namespace goes round every view by the objects' ids: said in the help, shown
// here, so that nobody takes the view for a wall there.
TEST_F(Run, IsNoWallForRoot) {
  installation_.write_policy(
      policy_text("select: {engine: host, user: {uid: 0}}\n"
                  "grants:\n  - {pin: /sys/fs/bpf/flows}\n"));
  const std::string by_id = "map-by-id " + std::to_string(map_id("/sys/fs/bpf/keys"));
  const auto result = run({"--", directory_.path("probe"), by_id});
  EXPECT_EQ(answer(result, by_id), "ok") << result;
}

class Login : public testing::Test {
 protected:
  void SetUp() override {
    if (!test_.machine.exists("/usr/bin/pam_pinscope.so"))
      GTEST_SKIP() << "pam_pinscope is not built: PAM's headers are not installed";
    // As an administrator would write it, with what su(1) needs for root to become anybody.
    test_.machine.write("/etc/pam.d/su",
                        "auth sufficient pam_rootok.so\naccount required pam_permit.so\n"
                        "session required /usr/bin/pam_pinscope.so\n");
    test_.machine.write("/etc/passwd",
                        "root:x:0:0:root:/:/bin/sh\nalice:x:4001:4001::/:/bin/sh\n"
                        "bob:x:4002:4002::/:/bin/sh\n"
                        "4001:x:4003:4003::/:/bin/sh\n");
    test_.write_policy(
        "select: {engine: host, user: {uid: 4001}}\n"
        "grants:\n  - {pin: /sys/fs/bpf/flows, access: read}\n");
  }
  CommandResult log_in(const std::string& user, const std::string& commands) {
    return test_.machine.run({"su", "-", user, "-c", "/usr/bin/pinscope_probe " + commands});
  }

  EngineTest test_{""};
};

TEST_F(Login, HasTheViewOfItsUser) {
  expect_the_grant_works(log_in("alice", "'" + kUseTheGrant[0] + "' '" + kUseTheGrant[1] + "' '" +
                                             kUseTheGrant[2] + "' '" + kUseTheGrant[3] + "'"));
}

TEST_F(Login, IsLeftAloneWhereNoPolicySelectsTheUser) {
  const auto result = log_in("bob", "id 'ls /sys/fs/bpf'");
  EXPECT_EQ(answer(result, "id"), "ok uid=4002 gid=4002") << result;
  EXPECT_THAT(answer(result, "ls /sys/fs/bpf"), HasSubstr("flows"));
}

// The user who is called 4001 is not the one whose number that is.
TEST_F(Login, TakesANameThatLooksLikeANumberForAName) {
  const auto result = log_in("4001", "id 'ls /sys/fs/bpf'");
  EXPECT_EQ(answer(result, "id"), "ok uid=4003 gid=4003") << result;
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"),
            answer(log_in("bob", "'ls /sys/fs/bpf'"), "ls /sys/fs/bpf"));
  const auto refused =
      test_.machine.run({"/usr/bin/pinscope", "run", "--user", "4001", "--", "id"});
  EXPECT_EQ(refused.status, 125);
  EXPECT_EQ(refused.err,
            "pinscope: cannot run as user \"4001\": it is the name of user 4003 (say --login 4001 "
            "for the name, --user +4001 for the number)\n");
}

TEST_F(Login, FailsWhereTheViewCannotBeGiven) {
  test_.write_policy(
      "select: {engine: host, user: {uid: 4001}}\n"
      "grants:\n  - {pin: /sys/fs/bpf/gone}\n");
  const auto result = log_in("alice", "id");
  EXPECT_NE(result.status, 0);
  EXPECT_EQ(answer(result, "id"), "no answer");
  EXPECT_EQ(test_.audit().back().code, "source-missing");
}

}  // namespace
}  // namespace pinscope::test
