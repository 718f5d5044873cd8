// `pinscoped --follow` beside real containers: their views are what their sources name, at any
// time, and what their policies say where these want it.
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <functional>

#include "plugin/base/text.h"
#include "plugin/inventory/service_status.h"
#include "plugin/model/follow_status.h"
#include "tests/support/container/swap_test.h"
#include "tests/support/machine/silent_file_system.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;

constexpr int kReplacements = 12;

class FollowService : public SwapTest {
 protected:
  // A policy with these lines of its spec, and these grants.
  void say(const std::string& spec, const std::vector<std::string>& grants) {
    std::string text = "select: {}\n" + spec + (grants.empty() ? "" : "grants:\n");
    for (const auto& grant : grants) text += "  - " + grant + "\n";
    installation_.write_policy(policy_text(text));
  }

  // Does `work` while the service runs, which then ends by `signal`. Gives its log.
  std::string serve(const std::function<void()>& work, int signal = SIGTERM) {
    auto words = argv("--follow", {});
    words.front() = PINSCOPE_BIN_DIR "/pinscoped";
    const auto result = Command(words)
                            .while_running([&](pid_t service) {
                              work();
                              EXPECT_EQ(::kill(service, signal), 0);
                            })
                            .run();
    EXPECT_EQ(result.status, signal == SIGTERM ? 0 : 128 + signal) << result;
    if (HasFailure()) std::fputs(result.err.c_str(), stdout);
    return result.err;
  }

  // What it says of itself; nothing if it does not answer.
  [[nodiscard]] std::string status() const {
    return inventory::ask_service(model::follow_status_path(installation_.state_directory()),
                                  size_t{64} << 10)
        .text.value_or("");
  }

  // How often a change failed.
  [[nodiscard]] uint64_t failed() const {
    const auto said = model::follow_status_from_json(status());
    return said ? said->failed : 0;
  }

  static bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
  // How `doctor --output json` begins to say this.
  static std::string finding(const std::string& level, const std::string& detail) {
    return R"("level": ")" + level + "\",\n      " + R"("detail": ")" + detail;
  }
  void expect_seen(const std::string& view) {
    EXPECT_TRUE(wait_until([&] { return seen() == view; })) << seen() << ", not " << view;
  }
};

TEST_P(FollowService, GivesWhatASourceNamesNow) {
  say("", {"{pin: /sys/fs/bpf/flows, follow: true}", "{pin: /sys/fs/bpf/counters}"});
  ASSERT_NO_FATAL_FAILURE(start());
  const std::string counters = expected(kCounters, "ro");
  const auto log = serve([&] {
    for (int i = 0; i < 3; ++i) {
      replace(kFlows);
      expect_seen(counters + " " + expected(kFlows, "ro"));
    }
  });
  EXPECT_THAT(log, HasSubstr("changed the view of container "));
  EXPECT_EQ(bpf_mounts().size(), leaves_old_view() ? 4U : 1U);
}

TEST_P(FollowService, GivesWhatAppearsAndTakesWhatGoes) {
  pins_.remove(kFlows);
  say("", {"{pin: /sys/fs/bpf/flows, missing: wait}", "{pin: /sys/fs/bpf/counters}"});
  ASSERT_NO_FATAL_FAILURE(start());
  const std::string counters = expected(kCounters, "ro");
  EXPECT_EQ(seen(), counters);
  serve([&] {
    pins_.map(kFlows);
    expect_seen(counters + " " + expected(kFlows, "ro"));
    pins_.remove(kFlows);
    expect_seen(counters);
    pins_.map(kFlows);
    expect_seen(counters + " " + expected(kFlows, "ro"));
  });
}

TEST_P(FollowService, GivesWhatAGlobMatchesNow) {
  say("", {"{pin: \"/sys/fs/bpf/c*\", follow: true}"});
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
  serve([&] {
    pins_.map("/sys/fs/bpf/cookies");
    expect_seen(expected("/sys/fs/bpf/cookies", "ro") + " " + expected(kCounters, "ro"));
    pins_.remove(kCounters);
    expect_seen(expected("/sys/fs/bpf/cookies", "ro"));
  });
}

TEST_P(FollowService, BringsUpToDateWhatChangedWhileItWasAway) {
  say("", {"{pin: /sys/fs/bpf/flows, follow: true}"});
  ASSERT_NO_FATAL_FAILURE(start());
  serve(
      [&] {
        replace(kFlows);
        expect_seen(expected(kFlows, "ro"));
      },
      SIGKILL);
  replace(kFlows);
  serve([&] { expect_seen(expected(kFlows, "ro")); });
}

TEST_P(FollowService, FollowsContainersThatStartWhileItRuns) {
  say("", {"{pin: /sys/fs/bpf/flows, follow: true}"});
  serve([&] {
    ASSERT_NO_FATAL_FAILURE(start());
    replace(kFlows);
    expect_seen(expected(kFlows, "ro"));
  });
}

TEST_P(FollowService, GivesWhatAPolicySaysThatWantsIt) {
  say("onChange: apply\n", {"{pin: /sys/fs/bpf/flows, access: read-write}"});
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(seen(), expected(kFlows, "rw"));
  serve([&] {
    say("onChange: apply\n", {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/counters}"});
    expect_seen(expected(kCounters, "ro") + " " + expected(kFlows, "ro"));
  });
}

// As editors and shells write: no name of a file changes. And a file that is elsewhere, of which no
// event tells.
TEST_P(FollowService, GivesWhatAPolicySaysThatIsWrittenInPlace) {
  say("onChange: apply\n", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  std::string path;
  for (const auto& entry : std::filesystem::directory_iterator(installation_.policy_directory()))
    path = entry.path();
  const std::string before = read_file(path);
  std::string after = before;
  after.replace(after.find("flows"), std::string("flows").size(), "counters");
  serve([&] {
    std::ofstream(path) << after;
    expect_seen(expected(kCounters, "ro"));
    const TempDirectory elsewhere;
    const std::string there = elsewhere.path("policy.yaml");
    std::ofstream(there) << before;
    std::filesystem::remove(path);
    std::filesystem::create_symlink(there, path);
    expect_seen(expected(kFlows, "ro"));
    std::ofstream(there) << after;
    expect_seen(expected(kCounters, "ro"));
    std::filesystem::remove(path);
    std::filesystem::copy_file(there, path);
  });
}

// What is followed is taken up behind a policy that does not want to be applied, as far as that
// gives it still, and nothing else is.
TEST_P(FollowService, FollowsBehindAPolicyThatWantsToBeReported) {
  say("", {"{pin: /sys/fs/bpf/flows, follow: true}", "{pin: /sys/fs/bpf/other}",
           "{pin: /sys/fs/bpf/absent, missing: skip}"});
  ASSERT_NO_FATAL_FAILURE(start());
  const auto automatic = [&] { return apply({"--automatic", "--container", container_.id()}).out; };
  const std::string other = " " + expected(kOther, "ro");
  say("", {"{pin: /sys/fs/bpf/flows, access: read-write, follow: true}",
           "{pin: /sys/fs/bpf/counters}"});
  EXPECT_THAT(automatic(), HasSubstr("1 differs"));
  replace(kFlows);
  EXPECT_THAT(automatic(), HasSubstr("replaced"));
  EXPECT_EQ(seen(), expected(kFlows, "ro") + other);
  EXPECT_THAT(automatic(), HasSubstr("1 differs"));

  const std::string before = seen();
  say("", {"{pin: /sys/fs/bpf/counters}"});
  replace(kFlows);
  EXPECT_THAT(automatic(), HasSubstr("1 differs"));
  EXPECT_EQ(seen(), before);
}

// Beside a second container, which its policies selected as well.
class FollowServiceOfTwo : public FollowService {
 protected:
  void start_both() {
    ASSERT_NO_FATAL_FAILURE(start());
    ASSERT_NO_FATAL_FAILURE(start_second());
  }
};

// Asked for one container, it looks at all: each of them alone would be one of few.
TEST_P(FollowServiceOfTwo, TakesNotEverythingFromThemForAPolicy) {
  say("onChange: apply\n", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start_both());
  say("onChange: apply\n", {});
  for (int i = 0; i < 2; ++i) {
    const auto kept = apply({"--automatic", "--container", container_.id()});
    EXPECT_EQ(kept.status, 1) << kept;
    EXPECT_THAT(kept.out, HasSubstr("pinscope apply --all --yes"));
    EXPECT_EQ(seen(), expected(kFlows, "ro"));
  }
  end_second();
  // Of one alone it is what the policy says.
  EXPECT_THAT(apply({"--automatic", "--container", container_.id()}), Succeeds());
  EXPECT_EQ(seen(), "");
}

TEST_P(FollowServiceOfTwo, TakesEverythingFromThemForAPolicyThatSaysAlways) {
  say("onChange: apply\n", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start_both());
  serve([&] {
    say("onChange: apply-always\n", {});
    expect_seen("");
  });
}

// A file system on the way to its view never answers: it has runs of its own from then on.
TEST_P(FollowServiceOfTwo, IsNotHeldUpByOneThatHangs) {
  if (!SilentFileSystem::possible()) GTEST_SKIP() << "there is no FUSE here";
  if (std::string(GetParam()) == "runc") GTEST_SKIP() << "crun shows the same, and it takes long";
  const TempDirectory directory;
  const std::string silent = directory.make_directory("silent");
  SilentFileSystem file_system(silent);
  say("view: {at: /srv/x}\n", {"{pin: /sys/fs/bpf/flows, follow: true}"});
  second_.emplace(GetParam());
  second_->spec.mounts.push_back(
      {.destination = "/srv", .type = "bind", .source = silent, .options = {"bind"}});
  ASSERT_NO_FATAL_FAILURE(start_both());
  file_system.fall_silent(SilentFileSystem::Silence::kTaking);
  const auto is_changed = [&] { return seen("/srv/x") == expected(kFlows, "ro"); };
  serve([&] {
    replace(kFlows);
    EXPECT_TRUE(wait_until(is_changed));
    EXPECT_TRUE(wait_until([&] { return failed() > 0; })) << status();
    const auto before = failed();
    for (int i = 0; i < kReplacements; ++i) {
      replace(kFlows);
      EXPECT_TRUE(wait_until(is_changed)) << status();
    }
    // Whoever waited for the one that hangs would have done so each time.
    EXPECT_LT(failed() - before, kReplacements / 2U);
  });
}

// What is followed may come and go, for as many as have it.
TEST_P(FollowServiceOfTwo, TakeEverythingWhoseSourcesAreGone) {
  say("", {"{pin: /sys/fs/bpf/flows, missing: wait}"});
  ASSERT_NO_FATAL_FAILURE(start_both());
  serve([&] {
    pins_.remove(kFlows);
    expect_seen("");
  });
}

// A source that is not followed is what it was at the start, beside one that is.
TEST_P(FollowService, LeavesASourceThatIsNotFollowed) {
  say("", {"{pin: /sys/fs/bpf/flows, follow: true}", "{pin: /sys/fs/bpf/counters}"});
  ASSERT_NO_FATAL_FAILURE(start());
  const std::string before = seen();
  replace(kCounters);
  EXPECT_THAT(apply({"--automatic", "--container", container_.id()}).out, HasSubstr("1 differs"));
  EXPECT_EQ(seen(), before);
}

TEST_P(FollowService, UndoesExceptionsInTime) {
  say("", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  const std::string flows = expected(kFlows, "ro");
  const auto log = serve([&] {
    const auto granted = pinscope::test::run(argv(
        "grant", {"--container", container_.id(), kCounters, "--for", "1s", "--reason", "a look"}));
    EXPECT_EQ(granted.status, 0) << granted;
    expect_seen(flows);
  });
  EXPECT_THAT(log, HasSubstr("changed the view of container "));
}

// A grant that has run out is no reason to give what a policy says that is to be reported.
TEST_P(FollowService, UndoesExceptionsBehindAPolicyThatWantsToBeReported) {
  say("", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  const std::string flows = expected(kFlows, "ro");
  serve([&] {
    const auto granted = pinscope::test::run(argv(
        "grant", {"--container", container_.id(), kCounters, "--for", "1s", "--reason", "a look"}));
    EXPECT_EQ(granted.status, 0) << granted;
    const auto revoked = pinscope::test::run(argv(
        "revoke", {"--container", container_.id(), kFlows, "--for", "2s", "--reason", "a look"}));
    EXPECT_EQ(revoked.status, 0) << revoked;
    EXPECT_EQ(seen(), expected(kCounters, "ro"));
    say("", {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/other}"});
    expect_seen(flows);
  });
}

TEST_P(FollowService, TakesALaterBpffsAway) {
  say("", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  const auto log = serve([&] {
    for (const char* at : {"/run", "/sys/fs/bpf", "/run"}) {
      in_container([&] { check(mount("bpf", at, "bpf", 0, nullptr), "mount a bpffs"); });
      EXPECT_TRUE(wait_until([&] { return bpf_mounts().size() == 1; })) << at;
    }
    expect_seen(expected(kFlows, "ro"));
  });
  EXPECT_THAT(log, HasSubstr("masked the bpffs at \"/run\""));
}

TEST_P(FollowService, TakesALaterBpffsAwayOfAContainerThatStartsWhileItRuns) {
  say("", {"{pin: /sys/fs/bpf/flows}"});
  serve([&] {
    ASSERT_NO_FATAL_FAILURE(start());
    in_container([] { check(mount("bpf", "/run", "bpf", 0, nullptr), "mount a bpffs"); });
    EXPECT_TRUE(wait_until([&] { return bpf_mounts().size() == 1; }));
    for (const auto& line : installation_.audit())
      EXPECT_THAT(line.text, testing::Not(HasSubstr("masked the bpffs at \\\"/sys")));
  });
}

TEST_P(FollowService, BringsAViewBackThatWasTakenAway) {
  say("", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  const auto log = serve([&] {
    for (int i = 0; i < 3; ++i) {
      in_container([] { check(umount2("/sys/fs/bpf", MNT_DETACH), "unmount the view"); });
      expect_seen(expected(kFlows, "ro"));
    }
  });
  EXPECT_THAT(log, HasSubstr("repaired the view"));
}

// Mounts that are no bpffs are nobody's business, and neither is one that the policies allow.
TEST_P(FollowService, LeavesOtherMounts) {
  say("view: {hostBpffs: allow}\n", {"{pin: /sys/fs/bpf/flows, follow: true}"});
  ASSERT_NO_FATAL_FAILURE(start());
  serve([&] {
    in_container([] {
      check(mount("bpf", "/run", "bpf", 0, nullptr), "mount a bpffs");
      check(mount("it", "/tmp", "tmpfs", 0, nullptr), "mount a tmpfs");
    });
    replace(kFlows);
    expect_seen(expected(kFlows, "ro"));
  });
  EXPECT_THAT(bpf_mounts(), testing::Contains(HasSubstr(" /run ")));
}

TEST_P(FollowService, SaysHowItIs) {
  say("", {"{pin: /sys/fs/bpf/flows, follow: true}"});
  ASSERT_NO_FATAL_FAILURE(start());
  serve([&] {
    replace(kFlows);
    expect_seen(expected(kFlows, "ro"));
    const auto said = status();
    EXPECT_THAT(said, HasSubstr("\"containers\":1,"));
    EXPECT_THAT(said, HasSubstr("\"sources\":1,"));
    EXPECT_THAT(said, HasSubstr("\"failed\":0"));
  });
}

// What scrapers and `pinscope doctor` say of it: before it was there, with it, and after it.
TEST_P(FollowService, IsKnownToMetricsAndDoctor) {
  say("", {"{pin: /sys/fs/bpf/flows, follow: true}"});
  ASSERT_NO_FATAL_FAILURE(start());
  const auto metrics = [&] { return pinscope::test::run(argv("metrics", {})).out; };
  const auto doctor = [&] { return pinscope::test::run(argv("doctor", {"--output", "json"})).out; };
  const std::string nobody = finding("fail", "nobody follows: views of containers");
  const std::string away = finding("fail", "away: views of containers");
  const std::string good = finding("ok", "1 container, 1 source, 1 directory\"");
  EXPECT_THAT(metrics(), testing::Not(HasSubstr("\npinscope_follow_up ")));
  EXPECT_THAT(doctor(), HasSubstr(nobody));
  serve([&] {
    replace(kFlows);
    expect_seen(expected(kFlows, "ro"));
    EXPECT_TRUE(wait_until([&] { return has(metrics(), "\npinscope_follow_changed_total 1\n"); }));
    EXPECT_THAT(metrics(), AllOf(HasSubstr("\npinscope_follow_up 1\n"),
                                 HasSubstr("\npinscope_follow_containers 1\n"),
                                 HasSubstr("\npinscope_follow_failed_total 0\n"),
                                 HasSubstr("\npinscope_follow_sources 1\n")));
    EXPECT_TRUE(wait_until([&] { return has(doctor(), good); })) << doctor();
  });
  EXPECT_THAT(metrics(), AllOf(HasSubstr("\npinscope_follow_up 0\n"),
                               testing::Not(HasSubstr("\npinscope_follow_failed"))));
  EXPECT_THAT(doctor(), HasSubstr(away));
}

// Nothing follows, and one exception ends.
TEST_P(FollowService, IsAskedForByDoctorWhereExceptionsEnd) {
  if (::access("/etc/systemd/system/timers.target.wants/pinscope-exceptions.timer", F_OK) == 0)
    GTEST_SKIP() << "on this machine the timer undoes exceptions";
  say("", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  const auto doctor = [&] { return pinscope::test::run(argv("doctor", {"--output", "json"})).out; };
  EXPECT_THAT(doctor(), testing::Not(HasSubstr("\"area\": \"follow\"")));
  const auto granted = pinscope::test::run(argv(
      "grant", {"--container", container_.id(), kCounters, "--for", "1h", "--reason", "a look"}));
  EXPECT_EQ(granted.status, 0) << granted;
  EXPECT_THAT(doctor(), HasSubstr("1 container has an exception that ends: " + container_.id()));
  (void)container_.kill();
  container_.wait_stopped();
  EXPECT_THAT(doctor(), testing::Not(HasSubstr("\"area\": \"follow\""))) << "it has ended";
}

// It is ready when every view is right, and who waits for it waits for nothing else.
TEST_P(FollowService, IsReadyBeforeItWaits) {
  if (!has_program("strace")) GTEST_SKIP() << "strace is not installed";
  say("", {"{pin: /sys/fs/bpf/flows, follow: true}"});
  ASSERT_NO_FATAL_FAILURE(start());
  replace(kFlows);
  const TempDirectory directory;
  const std::string trace = directory.path("trace");
  auto words = argv("--follow", {});
  words.front() = PINSCOPE_BIN_DIR "/pinscoped";
  const std::vector<std::string> strace = {"strace",           "-D", "-f", "-s", "200", "-e",
                                           "trace=poll,write", "-o", trace};
  words.insert(words.begin(), strace.begin(), strace.end());
  write_file(trace, "");
  const auto is_ready = [&] { return has(read_file(trace), "following sources"); };
  std::string main_thread;
  const auto result = Command(words)
                          .while_running([&](pid_t service) {
                            main_thread = std::to_string(service) + " ";
                            EXPECT_TRUE(wait_until(is_ready));
                            EXPECT_EQ(seen(), expected(kFlows, "ro"));
                            EXPECT_EQ(::kill(service, SIGTERM), 0);
                          })
                          .run();
  EXPECT_EQ(result.status, 0) << result;
  const std::string text = read_file(trace);
  const std::string before = text.substr(0, text.find("following sources"));
  for (const auto line : split(before, '\n')) {
    const bool waits = line.starts_with(main_thread) && line.find(" poll(") != line.npos &&
                       line.find(", 0) = ") == line.npos;
    EXPECT_FALSE(waits) << line;
  }
}

TEST_P(FollowService, IsAloneInItsStateDirectory) {
  say("", {"{pin: /sys/fs/bpf/flows, follow: true}"});
  ASSERT_NO_FATAL_FAILURE(start());
  serve([&] {
    replace(kFlows);
    expect_seen(expected(kFlows, "ro"));
    auto words = argv("--follow", {});
    words.front() = PINSCOPE_BIN_DIR "/pinscoped";
    const auto second = Command(words).run();
    EXPECT_EQ(second.status, 1) << second;
  });
}

PINSCOPE_EACH_RUNTIME(FollowService);
PINSCOPE_EACH_RUNTIME(FollowServiceOfTwo);

}  // namespace
}  // namespace pinscope::test
