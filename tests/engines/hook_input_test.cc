// What the hook does with the states that runtimes give it, and with those that no runtime should.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/engines/direct_hook.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class HookInput : public DirectHook {};

TEST_F(HookInput, MayHaveAnyStatus) {
  for (const char* status : {"creating", "created", "starting", "running", "", "something new"}) {
    SCOPED_TRACE(status);
    expect_view(create(state("", status)));
  }
}

TEST_F(HookInput, MayHaveFieldsThatAreNotKnown) {
  expect_view(create(state(R"(, "owner": "", "created": null, "root": "/x", "n": [1, {"a": 2}])")));
}

TEST_F(HookInput, MayLackVersionAndStatus) {
  expect_view(create("{\"id\": \"direct\", \"pid\": " + std::to_string(process_->pid()) +
                     ", \"bundle\": \"" + bundle() + "\"}"));
}

TEST_F(HookInput, MayHaveAMebibyteOfAnnotations) {
  std::string annotations = ", \"annotations\": {";
  for (int i = 0; annotations.size() < (1U << 20); i++)
    annotations += "\"key" + std::to_string(i) + "\": \"" + std::string(200, 'x') + "\", ";
  expect_view(create(state(annotations + "\"last\": \"\"}")));
}

TEST_F(HookInput, WritesNoAuditLineAsLongAsAnAnnotation) {
  installation_.options = {"--engine", "containerd"};
  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/gone}\n"));
  const std::string image =
      R"(, "annotations": {"io.kubernetes.cri.image-name": ")" + std::string(4U << 20, 'x') + "\"}";
  const auto result = create(state(image));
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(installation_.last_audit().code, "source-missing");
  EXPECT_LT(installation_.last_audit().text.size(), 4096U);
}

TEST_F(HookInput, NeedsAProcess) {
  constexpr const char* kSentence =
      "container \"direct\": cannot find the container's process: the state has pid 0 (is this a "
      "createRuntime or prestart hook?)";
  expect_refused(create(state_with("pid", "0")), kSentence);
  expect_refused(create("{\"id\": \"direct\", \"bundle\": \"" + bundle() + "\"}"), kSentence);
  expect_refused(
      create(state_with("pid", "-1")),
      "cannot read \"the container's state\": /pid: expected a whole number that is not negative");
  expect_refused(
      create(state_with("pid", "\"7\"")),
      "cannot read \"the container's state\": /pid: expected a whole number that is not negative");
  expect_refused(create(state_with("pid", "99999999999")),
                 "cannot read \"the container's state\": /pid: too large for a process id");
}

TEST_F(HookInput, NeedsAProcessThatIsStillThere) {
  const std::string gone = state();
  const std::string pid = std::to_string(process_->pid());
  process_->end();
  const auto result = create(gone);
  process_ = std::make_unique<ContainerProcess>(rootfs_);
  mounts_before_ = process_->mounts();
  expect_refused(result, "container \"direct\": cannot look at the container's process " + pid +
                             ": No such process");
}

TEST_F(HookInput, NeedsAProcessThatHasNotEndedUnnoticed) {
  const pid_t zombie = check(fork(), "fork");
  if (zombie == 0) _exit(0);
  siginfo_t info = {};
  check(waitid(P_PID, static_cast<id_t>(zombie), &info, WEXITED | WNOWAIT), "waitid");
  const auto result = create(state_with("pid", std::to_string(zombie)));
  check(waitpid(zombie, nullptr, 0), "waitpid");
  expect_refused(result, "container \"direct\": cannot look at the container's process " +
                             std::to_string(zombie) + ": No such process");
}

TEST_F(HookInput, RefusesAProcessInTheHostsMountNamespace) {
  const auto before = Snapshot::take();
  expect_refused(
      create(state_with("pid", std::to_string(getpid()))),
      "container \"direct\": cannot give a view to this container: it shares the host's mount "
      "namespace (a view there would be everybody's; let no policy select this container)");
  EXPECT_EQ(before.mounts, Snapshot::take().mounts);
}

TEST_F(HookInput, RefusesAProcessWhoseNamespaceDoesNotHaveTheRoot) {
  BundleSpec spec;
  spec.args = {"/probe"};
  spec.root_path = installation_.directory().make_directory("elsewhere");
  installation_.directory().write("bundle/config.json", to_config_json(spec));
  expect_refused(create(state()),
                 "container \"direct\": cannot find the container's root \"" + spec.root_path +
                     "\": it is not a mount point in the container's mount namespace");
}

// Its parent, this test, is no runtime that names the bundle: engines.LostBundle has the real ones.
TEST_F(HookInput, TakesNoConfigurationIfNothingShowsThatItIsTheContainers) {
  const std::string slash = state_with("bundle", "\"/\"");
  const std::string sentence =
      "cannot find the bundle of container \"direct\": the state says \"/\", and no runtime's "
      "command "
      "line names one (start it with --bundle and an absolute path)";
  expect_refused(create(slash), sentence);
  // What lies beside a root may be anybody's.
  expect_refused(create(slash.substr(0, slash.size() - 1) + ", \"root\": \"" + rootfs_ + "\"}"),
                 sentence);
}

TEST_F(HookInput, LeavesAContainerOfAnUnknownBundleAloneIfNoPolicyIsForItsEngine) {
  installation_.write_policy(
      policy_text("select: {engine: docker}\n"
                  "grants: [{pin: /sys/fs/bpf/flows}]\n"));
  installation_.options = {"--engine", "podman"};
  const auto result = create(state_with("bundle", "\"/\""));
  EXPECT_EQ(result.status, 0) << result;
  expect_nothing_left();
}

TEST_F(HookInput, MayHaveAnyIdThatIsAFileName) {
  for (const std::string id : {".x", "-x", "a b", "a:b@c", "\u00e4"}) {
    SCOPED_TRACE(id);
    const auto result = create(state_with("id", "\"" + id + "\""));
    EXPECT_EQ(result.status, 0) << result;
    EXPECT_THAT(installation_.records(), testing::ElementsAre(id + ".json"));
    process_->end();
    EXPECT_THAT(installation_.run_hook(
                    "poststop", "{\"id\": \"" + id + "\", \"bundle\": \"" + bundle() + "\"}"),
                Succeeds());
    process_ = std::make_unique<ContainerProcess>(rootfs_);
  }
}

TEST_F(HookInput, NeedsAnIdThatIsOne) {
  for (const char* id : {"\"../x\"", "\"\"", "\"..\"", "\"a/b\"", R"("a\nb")", "null", "7"}) {
    SCOPED_TRACE(id);
    const auto result = create(state_with("id", id));
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, StartsWith("pinscope-hook: cannot read \"the container's state\": "));
    expect_nothing_left();
  }
}

TEST_F(HookInput, NeedsAnAbsoluteBundle) {
  expect_refused(create(state_with("bundle", "\"bundle\"")),
                 "cannot read \"the container's state\": /: the bundle is not an absolute path");
}

TEST_F(HookInput, MayBeCutOffAnywhere) {
  const std::string whole = state();
  for (size_t size = 0; size < whole.size(); size++) {
    SCOPED_TRACE(size);
    const auto result = create(whole.substr(0, size));
    ASSERT_EQ(result.status, 1) << result;
    ASSERT_THAT(result.err, StartsWith("pinscope-hook: cannot read \"the container's state\": "));
    ASSERT_EQ(installation_.last_audit().outcome, "refused");
  }
  expect_nothing_left();
}

TEST_F(HookInput, IsBounded) {
  const auto result = create(std::string(100U << 20, ' ') + state());
  expect_refused(result, "cannot read \"stdin\": it is larger than 67108864 bytes");
}

TEST_F(HookInput, NeedsAConfigurationThatIsWhole) {
  installation_.directory().write("bundle/config.json", "{\"root\": ");
  const auto cut = create(state());
  EXPECT_EQ(cut.status, 1);
  EXPECT_THAT(cut.err, StartsWith("pinscope-hook: cannot read \"" + bundle() + "/config.json\": "));
  expect_nothing_left();

  installation_.directory().write("bundle/config.json", std::string((64U << 20) + 1, ' '));
  expect_refused(create(state()),
                 "cannot read \"" + bundle() + "/config.json\": it is larger than 67108864 bytes");

  check(unlink((bundle() + "/config.json").c_str()), "remove config.json");
  expect_refused(create(state()),
                 "cannot open \"" + bundle() +
                     "/config.json\": No such file or directory (the runtime's state names this "
                     "bundle)");
}

TEST_F(HookInput, IsNotHeldUpByAConfigurationThatIsNoFile) {
  const std::string config = bundle() + "/config.json";
  check(unlink(config.c_str()), "remove config.json");
  check(mkfifo(config.c_str(), 0600), "mkfifo");
  const auto fifo = create(state());
  EXPECT_EQ(fifo.status, 1) << fifo;
  expect_nothing_left();
  check(unlink(config.c_str()), "remove config.json");
  check(mkdir(config.c_str(), 0700), "mkdir");
  expect_refused(create(state()), "cannot read \"" + config + "\": Is a directory");
}

TEST_F(HookInput, AtPoststopNeedsNoProcessAndNoRecord) {
  const auto unknown = installation_.run_hook(
      "poststop", R"({"id": "never-seen", "status": "stopped", "bundle": "/gone"})");
  EXPECT_EQ(unknown.status, 0) << unknown;
  EXPECT_THAT(create(state()), Succeeds());
  process_->end();
  const auto known = installation_.run_hook(
      "poststop", R"({"id": "direct", "status": "stopped", "bundle": ")" + bundle() + "\"}");
  EXPECT_EQ(known.status, 0) << known;
  EXPECT_THAT(installation_.records(), testing::IsEmpty());
  const auto broken = installation_.run_hook("poststop", "{");
  EXPECT_EQ(broken.status, 1);
  EXPECT_THAT(broken.err, HasSubstr("cannot read \"the container's state\""));
}

}  // namespace
}  // namespace pinscope::test
