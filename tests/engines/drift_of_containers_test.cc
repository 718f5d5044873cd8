// `pinscope drift` beside real containers: for each way in which what runs can differ from what the
// policies would make of it now.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "plugin/json/json.h"
#include "tests/support/container/view_test.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/private_machine.h"
#include "tests/support/machine/silent_file_system.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";
constexpr int kDrift = 3;
constexpr const char* kFlows = "select: {}\ngrants:\n  - {pin: /sys/fs/bpf/flows}\n";
constexpr const char* kCounters = "  - {pin: /sys/fs/bpf/counters, access: read-write}\n";

// What a runtime keeps of its containers, where it is looked for.
class UsualPlace {
 public:
  explicit UsualPlace(const std::string& state) {
    was_made_ = mkdir(kPlace, 0700) == 0;
    check(mount(state.c_str(), kPlace, nullptr, MS_BIND, nullptr), "mount a runtime's directory");
  }
  ~UsualPlace() {
    umount2(kPlace, MNT_DETACH);
    if (was_made_) rmdir(kPlace);
  }
  UsualPlace(const UsualPlace&) = delete;
  UsualPlace& operator=(const UsualPlace&) = delete;

 private:
  static constexpr const char* kPlace = "/run/runc";
  bool was_made_ = false;
};

class Drift : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    if (IsSkipped()) return;
    pins_.map("/sys/fs/bpf/flows");
    pins_.map("/sys/fs/bpf/counters");
    std::filesystem::create_directories(installation_.state_directory());
  }
  void TearDown() override {
    if (IsSkipped()) return;
    stop();
    (void)container_.remove();
  }

  void policy(const std::string& spec) { installation_.write_policy(policy_text(spec)); }
  void start_container(bool with_hook = true) {
    if (with_hook) container_.spec.hooks["createRuntime"] = {installation_.hook("createRuntime")};
    container_.probe({"sleep 100"});
    container_.spec.args.front() = program_;
    const auto created = container_.create();
    ASSERT_EQ(created.status, 0) << created;
    ASSERT_THAT(container_.start(), Succeeds());
  }
  void start(const std::string& spec) {
    policy(spec);
    start_container();
  }
  void stop() {
    (void)container_.kill();
    container_.wait_stopped();
  }

  [[nodiscard]] CommandResult drift(const std::vector<std::string>& arguments = {}) const {
    std::vector<std::string> argv = {kPinscope,     "drift",
                                     "--policy",    installation_.policy_directory(),
                                     "--state-dir", installation_.state_directory(),
                                     "--cache-dir", installation_.cache_directory()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return pinscope::test::run(std::move(argv));
  }
  // "kind: text" of each entry, and the exit status in front.
  [[nodiscard]] std::vector<std::string> found() const {
    const auto result = drift({"-o", "json"});
    const auto json = JsonDocument::parse(result.out, "drift", ErrorCode::kInternal);
    std::vector<std::string> lines;
    if (!json) return {result.out + result.err};
    const auto entries = json->root().find("drift").value()->elements().value();
    for (const auto& entry : entries) {
      lines.push_back(entry.string_or("kind", "").value() + ": " +
                      entry.string_or("text", "").value());
      if (const auto subject = entry.find("container").value()) {
        EXPECT_EQ(subject->string_or("id", "").value(), container_.id());
      }
    }
    EXPECT_EQ(result.status, lines.empty() ? 0 : kDrift) << result;
    return lines;
  }

  std::string program_ = "/probe";  // that the container runs
};

TEST_P(Drift, SaysThatThereIsNone) {
  start(std::string(kFlows) + kCounters);
  EXPECT_THAT(found(), IsEmpty());
  const auto result = drift();
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(result.out, "no drift: 1 container looked at\n");
  const auto plugin = drift({"--format", "nagios"});
  EXPECT_EQ(plugin.status, 0) << plugin;
  EXPECT_THAT(plugin.out, StartsWith("DRIFT OK - 0 of 1 container drifted | 'containers'=1;;;0 "
                                     "'drifted'=0;;;0 'extra'=0;;0;0 "));
}

TEST_P(Drift, KnowsEachLayout) {
  for (const std::string layout : {"shared", "per-map", "bind"}) {
    const std::string access = layout == "bind" ? ", access: read-write" : "";
    start("select: {}\nview: {layout: " + layout + "}\ngrants:\n  - {pin: /sys/fs/bpf/flows" +
          access + "}\n");
    EXPECT_THAT(found(), IsEmpty()) << layout;
    stop();
    (void)container_.remove();
    ASSERT_THAT(installation_.run_gc(), Succeeds());
  }
}

TEST_P(Drift, NamesGrantsThatPoliciesGiveAndTakeNow) {
  start(kFlows);
  policy(std::string("select: {}\ngrants:\n") + kCounters);
  EXPECT_THAT(found(), ElementsAre("extra: \"flows\": it has read of \"/sys/fs/bpf/flows\" for "
                                   "0:0, 0440, which no policy gives it now",
                                   "missing: \"counters\": the policies give read-write of "
                                   "\"/sys/fs/bpf/counters\" for 0:0, 0660"));
  const auto result = drift();
  EXPECT_EQ(result.status, kDrift) << result;
  EXPECT_THAT(result.out, HasSubstr("policy \"test\" at test.yaml:8:7"));
  EXPECT_THAT(result.out, HasSubstr("1 of 1 container drifted: 1 extra, 1 missing\n"));
  const auto plugin = drift({"--format", "nagios"});
  EXPECT_EQ(plugin.status, 2) << plugin;
  EXPECT_THAT(plugin.out, StartsWith("DRIFT CRITICAL - 1 of 1 container drifted: 1 extra, 1 "
                                     "missing (" +
                                     container_.id() + ") | "));
}

TEST_P(Drift, NamesAnotherAccess) {
  start(kFlows);
  policy("select: {}\ngrants:\n  - {pin: /sys/fs/bpf/flows, access: read-write}\n");
  EXPECT_THAT(found(), ElementsAre("narrower: \"flows\" is for read, and would be read-write; mode "
                                   "0440, and would be 0660"));
  EXPECT_EQ(drift({"--format", "nagios"}).status, 1);
}

TEST_P(Drift, NamesSourcesThatAreReplacedOrGone) {
  start(std::string(kFlows) + kCounters);
  pins_.remove("/sys/fs/bpf/flows");
  pins_.map("/sys/fs/bpf/flows");
  EXPECT_THAT(found(), ElementsAre(StartsWith("stale: \"flows\": its source \"/sys/fs/bpf/flows\" "
                                              "names another object now")));
  pins_.remove("/sys/fs/bpf/counters");
  EXPECT_THAT(found(),
              ElementsAre(StartsWith("stale: "), StartsWith("source-gone: \"counters\": "),
                          StartsWith("refused: cannot open source pin \"/sys/fs/bpf/counters\"")));
}

TEST_P(Drift, LooksAgainAtWhatGlobsMatch) {
  pins_.map("/sys/fs/bpf/app/a");
  pins_.map("/sys/fs/bpf/app/b");
  start("select: {}\ngrants:\n  - {pin: \"/sys/fs/bpf/app/*\"}\n");
  EXPECT_THAT(found(), IsEmpty());
  pins_.remove("/sys/fs/bpf/app/a");
  pins_.map("/sys/fs/bpf/app/c");
  EXPECT_THAT(found(), ElementsAre(StartsWith("missing: \"c\": "),
                                   StartsWith("source-gone: \"a\": its source ")));
}

TEST_P(Drift, NamesAViewThatNoPolicyGives) {
  start(kFlows);
  policy("select: {engine: podman}\ngrants:\n  - {pin: /sys/fs/bpf/flows}\n");
  EXPECT_THAT(found(), ElementsAre("unselected: it has a view with 1 grant at \"/sys/fs/bpf\", and "
                                   "no policy selects it now"));
}

TEST_P(Drift, NamesAContainerThatWasStartedWithoutTheHook) {
  policy(kFlows);
  start_container(false);
  const UsualPlace place(container_.directory().path("state"));
  EXPECT_THAT(found(), ElementsAre("no-view: a policy selects it, and it was started without the "
                                   "hook"));
  policy("select: {engine: podman}\ngrants:\n  - {pin: /sys/fs/bpf/flows}\n");
  EXPECT_THAT(found(), IsEmpty());
}

TEST_P(Drift, NamesAContainerThatNoPolicySelectedWhenItStarted) {
  installation_.options = {"--engine", "podman"};
  start("select: {engine: docker}\ngrants:\n  - {pin: /sys/fs/bpf/flows}\n");
  const UsualPlace place(container_.directory().path("state"));
  EXPECT_THAT(found(), IsEmpty());
  policy("select: {engine: podman}\ngrants:\n  - {pin: /sys/fs/bpf/flows}\n");
  EXPECT_THAT(found(), ElementsAre("no-view: a policy selects it, and none did when it started"));
}

TEST_P(Drift, DoesNotCountAContainerTwice) {
  start(kFlows);
  const UsualPlace place(container_.directory().path("state"));
  EXPECT_THAT(found(), IsEmpty());
  EXPECT_EQ(drift().out, "no drift: 1 container looked at\n");
}

TEST_P(Drift, NamesWhatSomebodyDidToAView) {
  start(std::string(kFlows) + kCounters);
  in_container([] { check(mount("bpf", "/run", "bpf", 0, nullptr), "mount a bpffs"); });
  EXPECT_THAT(found(), ElementsAre("later-mount: a bpffs at \"/run\" was mounted after its view"));
  in_container(
      [] { check(mount(nullptr, "/sys/fs/bpf", nullptr, MS_REMOUNT, nullptr), "break the seal"); });
  EXPECT_THAT(found(), ElementsAre(StartsWith("seal-broken: "), StartsWith("later-mount: ")));
  in_container([] { check(umount2("/sys/fs/bpf", MNT_DETACH), "unmount the view"); });
  EXPECT_THAT(
      found(),
      ElementsAre(StartsWith("later-mount: "),
                  "view-missing: \"counters\", \"flows\" at \"/sys/fs/bpf\" is not there any "
                  "more"));
}

TEST_P(Drift, SaysThatALastGoodSetIsInForce) {
  start(kFlows);
  ASSERT_THAT(installation_.compile(), Succeeds());
  installation_.write_policy("rubbish: [\n");
  EXPECT_THAT(found(), ElementsAre(StartsWith("last-good: the policy files are not in force, an "
                                              "older set is: test.yaml:")));
}

TEST_P(Drift, NamesRecordsThatAreLeftOrDamaged) {
  start(kFlows);
  stop();
  EXPECT_THAT(found(), ElementsAre("leftover: its process has ended"));
  std::ofstream(installation_.state_directory() + "/containers/" + container_.id() + ".json")
      << "rubbish";
  EXPECT_THAT(found(), ElementsAre(StartsWith("damaged: ")));
}

TEST_P(Drift, LooksIntoAUserNamespace) {
  container_.spec.with_user_namespace();
  start(kFlows);
  EXPECT_THAT(found(), IsEmpty());
  policy(
      "select: {namespaces: {user: private}}\n"
      "grants:\n  - {pin: /sys/fs/bpf/flows, owner: {uid: 70000}}\n");
  EXPECT_THAT(found(), Contains(AllOf(StartsWith("refused: "), HasSubstr("70000"))));
}

TEST_P(Drift, SaysThatItWouldNotStartNow) {
  start("select: {}\ngrants:\n  - {pin: /sys/fs/bpf/flows, mode: \"0440\"}\n");
  installation_.write_policy(
      policy_text("select: {}\nview: {at: /run/bpf}\ngrants:\n  - {pin: /sys/fs/bpf/flows, mode: "
                  "\"0400\"}\n",
                  "other"),
      "z.yaml");
  EXPECT_THAT(found(), Contains(StartsWith("refused: ")));
  EXPECT_THAT(found(), Not(Contains(StartsWith("unselected: "))));
}

TEST_P(Drift, JudgesNothingWithoutTheConfiguration) {
  start(kFlows);
  std::filesystem::remove(container_.bundle() + "/config.json");
  const auto result = drift({"-o", "json"});
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.out, HasSubstr("\"unknown\": 1"));
  EXPECT_THAT(result.out, Not(HasSubstr("unselected\",")));
  EXPECT_EQ(drift({"--format", "nagios"}).status, 3);
}

TEST_P(Drift, ShowsOneContainerAlone) {
  start(kFlows);
  RuntimeContainer other(GetParam());
  other.spec.hooks["createRuntime"] = {installation_.hook("createRuntime")};
  other.probe({"sleep 100"});
  ASSERT_THAT(other.create(), Succeeds());
  policy(std::string(kFlows) + kCounters);
  EXPECT_THAT(drift().out, HasSubstr("2 of 2 containers drifted"));
  const auto one = drift({"--container", container_.id()});
  EXPECT_THAT(one.out, HasSubstr("1 of 1 container drifted"));
  EXPECT_THAT(one.out, Not(HasSubstr(other.id())));
  const WithoutEngines engines;
  const auto none = drift({"--container", "nobody"});
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(none.err, HasSubstr("cannot find container \"nobody\": it is not in "));
  EXPECT_THAT(none.err, Not(HasSubstr("--bundle")));
  (void)other.kill();
  other.wait_stopped();
  (void)other.remove();
}

// A hook refuses what CRIU restores. By now the name is the workload's to choose.
TEST_P(Drift, DoesNotGoByWhatAWorkloadCallsItself) {
  program_ = "/criu";
  std::filesystem::copy_file(container_.image() + "/probe", container_.image() + program_);
  start(kFlows);
  EXPECT_THAT(found(), IsEmpty());
}

TEST_P(Drift, PrintsHostileNamesHarmlessly) {
  const std::string name = "x\x1b[31m\n|\xe2\x80\xae<b>";
  pins_.map("/sys/fs/bpf/app/a");
  start("select: {}\ngrants:\n  - {pin: \"/sys/fs/bpf/app/*\"}\n");
  pins_.map("/sys/fs/bpf/app/" + name);
  pins_.map("/sys/fs/bpf/app/y\xff");  // which no glob gives
  in_container([] {
    check(mkdir("/tmp/b\x1b[31m\n|", 0700), "mkdir");
    check(mount("bpf", "/tmp/b\x1b[31m\n|", "bpf", 0, nullptr), "mount a bpffs");
  });
  for (const std::string format : {"table", "json", "nagios"}) {
    const auto result = drift({"--format", format, "--color", "never"});
    EXPECT_THAT(result.out, Not(HasSubstr("\x1b"))) << format;
    EXPECT_THAT(result.out, Not(HasSubstr("\xe2\x80\xae"))) << format;
    EXPECT_THAT(result.out, Not(HasSubstr("\xff"))) << format;
  }
  EXPECT_EQ(found().size(), 2U);
}

TEST_P(Drift, IsNotHeldUpByAFileSystemThatNeverAnswers) {
  if (!SilentFileSystem::possible()) GTEST_SKIP() << "there is no FUSE here";
  const TempDirectory directory;
  const std::string silent = directory.make_directory("silent");
  SilentFileSystem file_system(silent);
  container_.spec.mounts.push_back(
      {.destination = "/mnt", .type = "bind", .source = silent, .options = {"bind"}});
  start("select: {}\nview: {at: /mnt/x}\ngrants:\n  - {pin: /sys/fs/bpf/flows}\n");
  file_system.fall_silent(SilentFileSystem::Silence::kTaking);
  const auto result = drift();
  EXPECT_THAT(result.out, HasSubstr("its view could not be looked at"));
}

PINSCOPE_EACH_RUNTIME(Drift);

class DriftOfSessions : public testing::Test {
 protected:
  DriftOfSessions() { pins_.map("/sys/fs/bpf/flows"); }
  void TearDown() override { wait_for_children(); }
  [[nodiscard]] std::vector<std::string> with_directories(std::vector<std::string> argv) const {
    argv.insert(argv.end(),
                {"--policy", installation_.policy_directory(), "--state-dir",
                 installation_.state_directory(), "--cache-dir", installation_.cache_directory()});
    return argv;
  }
  HostPins pins_;
  Installation installation_;
};

TEST_F(DriftOfSessions, ComparesThemByTheirUser) {
  const std::string grants = "grants:\n  - {pin: /sys/fs/bpf/flows}\n";
  installation_.write_policy(
      policy_text("select: {engine: host, user: {uid: 4001, gid: 4001}}\n" + grants));
  auto argv = with_directories({kPinscope, "run"});
  argv.insert(argv.end(),
              {"--audit", installation_.audit_path(), "--user", "4001", "--", "sleep", "100"});
  Command session(argv);
  CommandResult same;
  CommandResult other;
  session.while_running([&](pid_t child) {
    EXPECT_TRUE(wait_until([&] {
      return installation_.records().size() == 1 &&
             installation_.record("session-" + std::to_string(child)).find("applied") !=
                 std::string::npos;
    }));
    same = run(with_directories({kPinscope, "drift"}));
    installation_.write_policy(policy_text("select: {engine: host, user: {uid: 4002}}\n" + grants));
    other = run(with_directories({kPinscope, "drift"}));
    kill(child, SIGKILL);
  });
  (void)session.run();
  EXPECT_EQ(same.status, 0) << same;
  EXPECT_EQ(same.out, "no drift: 1 container looked at\n");
  EXPECT_EQ(other.status, kDrift) << other;
  EXPECT_THAT(other.out, HasSubstr("unselected"));
}

TEST_F(DriftOfSessions, NeedRootToBeSeen) {
  Command drift({kPinscope, "drift", "--format", "nagios"});
  drift.before_exec([] { check(setuid(4001), "setuid"); });
  const auto result = drift.run();
  EXPECT_EQ(result.status, 3) << result;
  EXPECT_THAT(result.out, StartsWith("DRIFT UNKNOWN - cannot look at other containers: Operation "
                                     "not permitted"));
}

}  // namespace
}  // namespace pinscope::test
