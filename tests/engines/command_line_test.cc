// The command line beside real containers: what it shows of them, what it says before they start,
// and that both agree with what the hook does.
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include "plugin/json/json.h"
#include "tests/support/container/view_test.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";
constexpr const char* kPolicy =
    "select: {}\n"
    "grants:\n"
    "  - {pin: /sys/fs/bpf/flows}\n"
    "  - {pin: /sys/fs/bpf/counters, access: read-write}\n";

class CommandLine : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    pins_.map("/sys/fs/bpf/flows");
    pins_.map("/sys/fs/bpf/counters");
    installation_.write_policy(policy_text(kPolicy));
  }

  // A container that runs until it is killed. Without poststop, its record stays.
  void start(bool with_poststop = true) {
    container_.spec.hooks["createRuntime"] = {installation_.hook("createRuntime")};
    if (with_poststop) container_.spec.hooks["poststop"] = {installation_.hook("poststop")};
    container_.probe({"sleep 100"});
    const auto created = container_.create();
    ASSERT_EQ(created.status, 0) << created;
    ASSERT_THAT(container_.start(), Succeeds());
  }

  void stop() {
    ASSERT_THAT(container_.kill(), Succeeds());
    ASSERT_TRUE(container_.wait_stopped());
    ASSERT_THAT(container_.remove(), Succeeds());
  }

  CommandResult pinscope(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), kPinscope);
    return pinscope::test::run(std::move(arguments));
  }
  CommandResult with_state(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--state-dir", installation_.state_directory()});
    return pinscope(std::move(arguments));
  }
  CommandResult gc(std::vector<std::string> arguments = {}) const {
    arguments.insert(arguments.begin(), "gc");
    arguments.insert(arguments.end(), {"--audit", installation_.audit_path()});
    return with_state(std::move(arguments));
  }
  CommandResult explain() const {
    return pinscope({"explain", "--bundle", container_.bundle(), "--id", container_.id(),
                     "--policy", installation_.policy_directory(), "--cache-dir",
                     installation_.cache_directory()});
  }

  // The word of the only container in the table's third column.
  std::string listed_state() const {
    const auto result = with_state({"list", "-o", "json"});
    const auto json = JsonDocument::parse(result.out, "list", ErrorCode::kInternal);
    if (!json) return result.out + result.err;
    const auto all = json->root().find("containers").value()->elements().value();
    return all.size() == 1 ? all[0].string_or("state", "").value() : "not one";
  }
};

TEST_P(CommandLine, ListsARunningContainer) {
  start();
  const auto result = with_state({"list"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out, testing::ContainsRegex(container_.id() +
                                                 " +- +running +test +2 +/sys/fs/bpf +[0-9]+s\n"));
  stop();
  EXPECT_THAT(with_state({"list"}).out, Not(HasSubstr(container_.id())));
}

TEST_P(CommandLine, SaysThatNoContainerIsVoid) {
  start();
  const auto result = with_state({"list", "--void"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(result.out, "none\n");
}

TEST_P(CommandLine, NotesPinsThatAreNotOnThisMachine) {
  pins_.directory("/sys/fs/bpf/app");
  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/flows}\n"
                  "  - {pin: /sys/fs/bpf/gone}\n"
                  "  - {pin: \"/sys/fs/bpf/app/*\"}\n"
                  "  - {pin: /sys/fs/bpf/later, missing: skip}\n"));
  const std::vector<std::string> places = {"--policy", installation_.policy_directory(),
                                           "--cache-dir", installation_.cache_directory()};
  const auto said_by = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), places.begin(), places.end());
    return pinscope(arguments);
  };
  const auto checked = said_by({"check", "--strict"});
  EXPECT_EQ(checked.status, 0) << checked;
  EXPECT_THAT(checked.out,
              HasSubstr(": note: there is no pin \"/sys/fs/bpf/gone\" on this machine; until"));
  EXPECT_THAT(checked.out,
              HasSubstr(": note: no pin on this machine matches \"/sys/fs/bpf/app/*\"; "));
  EXPECT_THAT(checked.out, testing::EndsWith("ok: 1 policy in 1 file, 2 notes\n"));
  EXPECT_THAT(said_by({"check", "--no-host"}).out, Not(HasSubstr("note")));
  EXPECT_THAT(said_by({"doctor"}).out, HasSubstr("1 policy, 2 notes (pinscope check)"));
  installation_.write_policy(policy_text("select: {}\ngrants:\n  - {pin: /sys/fs/bpf/app}\n"));
  EXPECT_THAT(said_by({"check"}).out,
              HasSubstr(": warning: \"/sys/fs/bpf/app\" is a directory on this machine; for all "
                        "pins below it, write \"/sys/fs/bpf/app/**\""));
}

TEST_P(CommandLine, ListsWhatIsLongBelowItsRow) {
  const std::string name(60, 'p');
  installation_.write_policy(policy_text(kPolicy, name));
  start();
  const auto result = with_state({"list"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out, Not(HasSubstr("POLICIES")));
  EXPECT_THAT(result.out, HasSubstr("s\n    policy " + name + "\n"));
  stop();
}

TEST_P(CommandLine, ShowsThatASourceWasReplaced) {
  start();
  pins_.remove("/sys/fs/bpf/flows");
  pins_.map("/sys/fs/bpf/flows");
  const auto result = with_state({"list"});
  EXPECT_THAT(result.out, HasSubstr("2 (1 stale)"));
  const auto inspected = with_state({"inspect", container_.id()});
  EXPECT_THAT(inspected.out,
              HasSubstr("stale: now " + std::to_string(map_id("/sys/fs/bpf/flows"))));
  pins_.remove("/sys/fs/bpf/counters");
  EXPECT_THAT(with_state({"list"}).out, HasSubstr("2 (2 stale)"));
  EXPECT_THAT(with_state({"inspect", container_.id()}).out, HasSubstr("source gone"));
  stop();
}

TEST_P(CommandLine, InspectsAContainerByTheStartOfItsId) {
  start();
  const auto result =
      with_state({"inspect", container_.id().substr(0, container_.id().size() - 1)});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out, HasSubstr("process      " + std::to_string(container_.pid())));
  EXPECT_THAT(result.out, HasSubstr("view at      /sys/fs/bpf (present)"));
  EXPECT_THAT(result.out, HasSubstr("policy \"test\" at test.yaml:8:7"));
  const auto missing = with_state({"inspect", "nobody"});
  EXPECT_EQ(missing.status, 1);
  EXPECT_EQ(missing.err,
            "pinscope: cannot find container \"nobody\": no container with this id has a view "
            "(pinscope list shows those that have one)\n");
  const auto json = with_state({"inspect", container_.id(), "-o", "json"});
  EXPECT_TRUE(JsonDocument::parse(json.out, "inspect", ErrorCode::kInternal).has_value()) << json;
  stop();
}

// As the container's own mountinfo has it: the device that is mounted at `path`.
std::string device_at(const std::string& path, pid_t pid) {
  struct statx status {};
  check(statx(AT_FDCWD, ("/proc/" + std::to_string(pid) + "/root" + path).c_str(), 0, 0, &status),
        "statx");
  return std::to_string(status.stx_dev_major) + ":" + std::to_string(status.stx_dev_minor);
}

TEST_P(CommandLine, InspectsTheInstancesOfAView) {
  start();
  const auto result = with_state({"inspect", container_.id()});
  const pid_t pid = container_.pid();
  EXPECT_THAT(result.out,
              testing::ContainsRegex("\ninstance +" + device_at("/sys/fs/bpf", pid) +
                                     " bpf, sealed, mount [0-9]+\n" + "instance +" +
                                     device_at("/sys/fs/bpf/_rw", pid) + " bpf, mount [0-9]+\n"));
  stop();
}

TEST_P(CommandLine, InspectsWhatIsRefusedAndWhichDeniedPinItIs) {
  pins_.object(open_pin("/sys/fs/bpf/counters"), "/sys/fs/bpf/keys/again");
  installation_.write_policy(
      policy_text(std::string(kPolicy) + "deny: [{pin: /sys/fs/bpf/keys/*}]\n"));
  start();
  const auto result = with_state({"inspect", container_.id()});
  EXPECT_THAT(result.out,
              testing::ContainsRegex(
                  "\nREFUSED +SOURCE +GRANTED BY +DENIED BY\n"
                  "counters +/sys/fs/bpf/counters +policy \"test\" at test.yaml:9:7 +"
                  "policy \"test\" at test.yaml:10:10, as \"/sys/fs/bpf/keys/again\"\n"));
  stop();
}

TEST_P(CommandLine, CollectsWhatARuntimeWithoutPoststopLeft) {
  start(false);
  EXPECT_EQ(gc().out, "nothing to remove\n") << "it runs";
  stop();
  EXPECT_EQ(listed_state(), "gone");
  const std::string what = "record " + container_.id() + ": the container's process is gone\n";
  EXPECT_EQ(gc({"--dry-run"}).out, "would remove " + what);
  EXPECT_EQ(listed_state(), "gone");
  const auto collected = gc();
  EXPECT_EQ(collected.status, 0) << collected;
  EXPECT_EQ(collected.out, "removed " + what);
  EXPECT_THAT(installation_.records(), IsEmpty());
  EXPECT_EQ(installation_.last_audit().outcome, "collected");
  EXPECT_EQ(installation_.last_audit().container, container_.id());
  EXPECT_EQ(gc().out, "nothing to remove\n");
}

TEST_P(CommandLine, CollectsTemporaryFilesAndDamagedRecords) {
  const std::string directory = "state/containers/";
  installation_.directory().make_directory("state", 0700);
  installation_.directory().make_directory("state/containers", 0700);
  // No process has this number: the kernel's limit is below it.
  installation_.directory().write(directory + ".4999999.tmp", "{");
  installation_.directory().write(directory + "torn.json", "{\"id\"");
  const auto listed = with_state({"list"});
  EXPECT_EQ(listed.status, 1);
  EXPECT_THAT(listed.err, HasSubstr("torn.json"));
  const auto first = gc();
  EXPECT_EQ(first.status, 1) << "what cannot be read is not removed unasked";
  EXPECT_THAT(first.out, HasSubstr("removed file .4999999.tmp: its writer is gone"));
  const auto second = gc({"--damaged"});
  EXPECT_EQ(second.status, 0) << second;
  EXPECT_EQ(second.out, "removed file torn.json: it cannot be read\n");
  EXPECT_THAT(installation_.records(), IsEmpty());
}

TEST_P(CommandLine, CollectsADamagedRecordWhenItsContainerIsGoneAndNotBefore) {
  start(false);
  const std::string path = "state/containers/" + container_.id() + ".json";
  const std::string text = installation_.record(container_.id());
  const std::string start = text.substr(0, text.find("\"engine\""));
  installation_.directory().write(path, start);
  const auto living = gc();
  EXPECT_EQ(living.status, 1);
  EXPECT_THAT(living.err, HasSubstr("(its container may be alive; --damaged removes it)"));
  // Another number than the process's: its mount namespace is somebody's all the same.
  const size_t at = text.find("\"pid\":") + 6;
  installation_.directory().write(path, start.substr(0, at) + "49" + start.substr(at));
  EXPECT_EQ(gc().status, 1);
  installation_.directory().write(path, start);
  stop();
  const auto collected = gc();
  EXPECT_EQ(collected.status, 0) << collected;
  EXPECT_EQ(collected.out, "removed file " + container_.id() +
                               ".json: it cannot be read, and the container's process is gone\n");
  EXPECT_THAT(installation_.records(), IsEmpty());
}

TEST_P(CommandLine, ExplainsWhatTheContainerThenSees) {
  installation_.hook_into(container_.spec);
  container_.probe({"ls /sys/fs/bpf"});
  ASSERT_THAT(container_.create(), Succeeds());
  const auto explained = explain();
  EXPECT_EQ(explained.status, 0) << explained;
  EXPECT_THAT(explained.out, HasSubstr("would start and see 2 pins at /sys/fs/bpf"));
  EXPECT_THAT(explained.out,
              HasSubstr("map " + std::to_string(map_id("/sys/fs/bpf/flows")) + " (hash)"));
  EXPECT_THAT(container_.start(), Succeeds());
  EXPECT_TRUE(container_.wait_stopped());
  EXPECT_THAT(container_.output(), HasSubstr("counters flows"));
}

TEST_P(CommandLine, ExplainsARefusalInTheWordsOfTheHook) {
  MapSpec ring;
  ring.type = MapSpec::Type::kRingBuffer;
  ring.key_size = 0;
  ring.value_size = 0;
  ring.max_entries = 4096;
  pins_.map("/sys/fs/bpf/events", ring);
  for (const char* grant : {"{pin: /sys/fs/bpf/gone}", "{pin: /sys/fs/bpf/events}",
                            "{pin: /sys/fs/bpf/flows, expect: {keySize: 99}}"}) {
    installation_.write_policy(policy_text(std::string("select: {}\ngrants:\n  - ") + grant));
    RuntimeContainer container(GetParam());
    EXPECT_NE(run(container, {"id"}).status, 0);
    const auto line = installation_.last_audit();
    ASSERT_EQ(line.outcome, "refused") << grant;
    const auto explained = pinscope({"explain", "--bundle", container.bundle(), "--id",
                                     container.id(), "--policy", installation_.policy_directory()});
    EXPECT_EQ(explained.status, 1) << explained;
    const std::string context = "container \"" + container.id() + "\": ";
    EXPECT_THAT(explained.out,
                HasSubstr("  " + line.code + ": " + line.error.substr(context.size()) + "\n"));
  }
}

TEST_P(CommandLine, ExplainsWhatIsDeniedUnderAnotherName) {
  pins_.object(open_pin("/sys/fs/bpf/flows"), "/sys/fs/bpf/keys/again");
  installation_.write_policy(
      policy_text("select: {}\ngrants: [{pin: /sys/fs/bpf/flows}, {pin: /sys/fs/bpf/counters}]\n"
                  "deny: [{pin: /sys/fs/bpf/keys}]\n"));
  RuntimeContainer container(GetParam());
  EXPECT_EQ(answer(run(container, {"ls /sys/fs/bpf"}), "ls /sys/fs/bpf"), "ok counters");
  const auto explained = pinscope({"explain", "--bundle", container.bundle(), "--id",
                                   container.id(), "--policy", installation_.policy_directory()});
  EXPECT_EQ(explained.status, 0) << explained;
  EXPECT_THAT(explained.out, HasSubstr("would start and see 1 pin at /sys/fs/bpf"));
  EXPECT_THAT(explained.out, HasSubstr("test.yaml:8:10, as \"/sys/fs/bpf/keys/again\""));
}

TEST_P(CommandLine, ExplainsByTheLastGoodPoliciesAfterABadEdit) {
  ASSERT_THAT(installation_.compile(), Succeeds());
  installation_.write_policy("nonsense: [");
  installation_.hook_into(container_.spec);
  container_.probe({"id"});
  ASSERT_THAT(container_.create(), Succeeds());
  const auto explained = explain();
  EXPECT_EQ(explained.status, 0) << explained;
  EXPECT_THAT(explained.out, HasSubstr("this is what the last good policies say"));
  EXPECT_THAT(explained.out, HasSubstr("would start and see 2 pins"));
  const auto compiled = installation_.compile();
  EXPECT_EQ(compiled.status, 1);
  EXPECT_THAT(compiled.err, HasSubstr("test.yaml:1:"));
  const auto doctor =
      with_state({"doctor", "--policy", installation_.policy_directory(), "--cache-dir",
                  installation_.cache_directory(), "--audit", installation_.audit_path()});
  EXPECT_EQ(doctor.status, 1);
  EXPECT_THAT(doctor.out, HasSubstr("the newest edit was refused: test.yaml:1:"));
}

TEST_P(CommandLine, FindsNothingWrongWithASoundMachine) {
  ASSERT_THAT(installation_.compile(), Succeeds());
  start();
  const auto doctor =
      with_state({"doctor", "--policy", installation_.policy_directory(), "--cache-dir",
                  installation_.cache_directory(), "--audit", installation_.audit_path()});
  EXPECT_EQ(doctor.status, 0) << doctor;
  EXPECT_THAT(doctor.out, HasSubstr("1 running, 0 gone"));
  EXPECT_THAT(doctor.out, HasSubstr("1 policy, compiled "));
  EXPECT_THAT(doctor.out, HasSubstr("\n0 failures, ")) << doctor;
  EXPECT_THAT(doctor.out, HasSubstr("every user may pin in /sys/fs/bpf"))
      << "a fresh bpffs has mode 1777";
  stop();
}

TEST_P(CommandLine, DoctorTellsOfRefusedStartsAndOfPoliciesThatRefuseAll) {
  const auto doctor = [&] {
    return with_state({"doctor", "--policy", installation_.policy_directory(), "--cache-dir",
                       installation_.cache_directory(), "--audit", installation_.audit_path()});
  };
  start();
  stop();
  auto found = doctor();
  EXPECT_EQ(found.status, 0) << found;
  EXPECT_THAT(found.out, HasSubstr("none in the last 24 hours"));
  EXPECT_THAT(found.out, HasSubstr("refused by no policy for certain"));
  pins_.remove("/sys/fs/bpf/flows");
  EXPECT_NE(container_.create().status, 0);
  found = doctor();
  EXPECT_EQ(found.status, 1) << found;
  EXPECT_THAT(found.out, HasSubstr("1 in the last 24 hours; the last: \"" + container_.id() +
                                   "\", source-missing, "));
  EXPECT_THAT(found.out,
              HasSubstr("every container is refused: cannot open source pin "
                        "\"/sys/fs/bpf/flows\": No such file or directory; policy \"test\""));
}

TEST_P(CommandLine, ExplainsAndPlansWithoutLeavingATrace) {
  installation_.hook_into(container_.spec);
  container_.probe({"id"});
  ASSERT_THAT(container_.create(), Succeeds());
  installation_.write_policy("nonsense: [");
  std::filesystem::remove_all(installation_.cache_directory());
  EXPECT_EQ(explain().status, 1);
  EXPECT_FALSE(std::filesystem::exists(installation_.cache_directory()));
}

PINSCOPE_EACH_RUNTIME(CommandLine);

}  // namespace
}  // namespace pinscope::test
