// A file system that never answers, in a container's volume: a server of FUSE that has stopped, and
// one that takes each question and keeps the answer, which even SIGKILL does not get a process out
// of. Where it is in the way of the view, the container is refused in time; elsewhere nobody asks
// it.
#include <sys/mount.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "plugin/json/json.h"
#include "tests/attack/attack_test.h"
#include "tests/support/container/container_process.h"
#include "tests/support/machine/silent_file_system.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using Silence = SilentFileSystem::Silence;

constexpr const char* kFlows = "/sys/fs/bpf/flows";

// One container whose volume /data has fallen silent, and the hook that gives it a view at `at`.
class Start {
 public:
  Start(const std::string& at, Silence silence, const std::string& select = "{}") {
    directory_.make_directory("rootfs/sys");
    directory_.make_directory("rootfs/run");
    fs::create_directory_symlink("/data/x", directory_.path("rootfs/run/link"));
    directory_.write("config.json",
                     R"({"ociVersion": "1.0.2", "process": {"args": ["/x"], "cwd": "/"},
                         "root": {"path": "rootfs"},
                         "linux": {"namespaces": [{"type": "mount"}],
                                   "maskedPaths": ["/proc/kcore", "/sys/kernel"]}})");
    installation_.write_policy(policy_text("select: " + select + "\nview: {at: " + at +
                                           "}\ngrants: [{pin: /sys/fs/bpf/flows}]\n"));
    check(installation_.compile().status, "compile");
    volume_ = std::make_unique<SilentFileSystem>(directory_.make_directory("rootfs/data"));
    container_ = std::make_unique<ContainerProcess>(directory_.path("rootfs"));
    volume_->fall_silent(silence);
  }

  void run() { result = installation_.run_hook("createRuntime", state("creating")); }
  // As runtimes do: the process has ended.
  CommandResult stop() {
    container_->end();
    return installation_.run_hook("poststop", state("stopped"));
  }

  [[nodiscard]] uint64_t questions() const { return volume_->unanswered(); }
  [[nodiscard]] bool has_view(const std::string& at) const {
    const std::string point = " " + directory_.path("rootfs") + at + " ";
    for (const auto& line : container_->mounts())
      if (line.find(point) != std::string::npos && line.find(" - bpf ") != std::string::npos)
        return true;
    return false;
  }
  [[nodiscard]] const Installation& installation() const { return installation_; }

  CommandResult result;

 private:
  [[nodiscard]] std::string state(const std::string& status) const {
    JsonWriter json;
    json.object().field("ociVersion", "1.0.2").field("id", "silent").field("status", status);
    if (status != "stopped") json.field("pid", container_->pid());
    json.field("bundle", directory_.path()).end();
    return json.take();
  }

  TempDirectory directory_;
  Installation installation_;
  std::unique_ptr<SilentFileSystem> volume_;
  std::unique_ptr<ContainerProcess> container_;
};

class SilentVolume : public testing::Test {
 protected:
  void SetUp() override {
    if (!SilentFileSystem::possible()) GTEST_SKIP() << "there is no FUSE here";
    pins_.map(kFlows);
  }
  HostPins pins_;
};

// All at once, because each of them waits until the hook's time limit is over.
TEST_F(SilentVolume, InTheWayOfTheViewIsNoReasonToWaitForEver) {
  if (!Installation().wrapper.empty())
    GTEST_SKIP() << "what plays the older kernel waits for the hook's child, which cannot end";
  std::vector<std::unique_ptr<Start>> starts;
  std::vector<std::thread> threads;
  for (const Silence silence : {Silence::kStopped, Silence::kTaking})
    for (const char* at : {"/data", "/data/bpf", "/data/x", "/data/x/x/bpf", "/run/link/bpf"})
      starts.push_back(std::make_unique<Start>(at, silence));
  threads.reserve(starts.size());
  for (auto& start : starts) threads.emplace_back([&] { start->run(); });
  for (auto& thread : threads) thread.join();
  for (const auto& start : starts) {
    EXPECT_EQ(start->result.status, 1) << start->result;
    EXPECT_THAT(start->result.err,
                HasSubstr("cannot put the view into the container: a file system of the container "
                          "gave no answer within 10 seconds (let view.at be on no volume of FUSE "
                          "or of the network)"));
    EXPECT_THAT(start->installation().records(), IsEmpty());
    EXPECT_EQ(start->installation().last_audit().outcome, "refused");
    EXPECT_EQ(start->installation().last_audit().code, "target-invalid");
  }
}

TEST_F(SilentVolume, ElsewhereIsNotAsked) {
  Start start("/sys/fs/bpf", Silence::kTaking);
  start.run();
  EXPECT_EQ(start.result.status, 0) << start.result;
  EXPECT_TRUE(start.has_view("/sys/fs/bpf"));
  EXPECT_EQ(start.installation().last_audit().outcome, "granted");
  EXPECT_THAT(start.stop(), Succeeds());
  EXPECT_THAT(start.installation().records(), IsEmpty());
  EXPECT_EQ(start.questions(), 0U);
}

TEST_F(SilentVolume, OfAContainerThatNoPolicySelectsIsNotAsked) {
  Start start("/data/x", Silence::kTaking, "{user: {uid: 77}}");
  start.run();
  EXPECT_EQ(start.result.status, 0) << start.result;
  EXPECT_EQ(start.questions(), 0U);
}

// With real runtimes: what a container that runs can do to those who look at it.
class SilentContainer : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    if (IsSkipped()) return;
    if (!SilentFileSystem::possible()) GTEST_SKIP() << "there is no FUSE here";
    make_pins();
    volume_ = std::make_unique<SilentFileSystem>(host_.make_directory("volume"));
    container_.spec.mounts.push_back({"/data", "bind", volume_->path(), {"bind"}});
    policy("view: {at: /run/bpf/x}\ngrants: [{pin: /sys/fs/bpf/app/flows, as: flows}]\n");
  }
  CommandResult pinscope(const std::vector<std::string>& words) {
    std::vector<std::string> argv = {PINSCOPE_BIN_DIR "/pinscope"};
    argv.insert(argv.end(), words.begin(), words.end());
    argv.insert(argv.end(), {"--state-dir", installation_.state_directory()});
    return pinscope::test::run(argv);
  }
  // As the container could do it: its view is elsewhere now, and a link is in its place.
  void start_and_lead_astray(Silence silence = Silence::kTaking) {
    installation_.hook_into(container_.spec);
    container_.probe({"sleep 1000"});
    ASSERT_THAT(container_.create(), Succeeds()) << installation_.last_audit().text;
    ASSERT_THAT(container_.start(), Succeeds());
    const std::string rootfs = container_.bundle() + "/rootfs";
    fs::rename(rootfs + "/run/bpf", rootfs + "/run/moved");
    fs::create_directory_symlink("/data", rootfs + "/run/bpf");
    in_container([] { check(mount("bpf", "/data/x", "bpf", 0, nullptr), "mount a bpffs"); });
    volume_->fall_silent(silence);
  }
  void end() {
    ASSERT_THAT(container_.kill(), Succeeds());
    ASSERT_TRUE(container_.wait_stopped());
    EXPECT_THAT(container_.remove(true), Succeeds());
  }

  TempDirectory host_;
  std::unique_ptr<SilentFileSystem> volume_;
};

TEST_P(SilentContainer, ThatLeadsTheWayToItsViewThereHoldsUpNobodyWhoLooks) {
  ASSERT_NO_FATAL_FAILURE(start_and_lead_astray());
  const auto list = pinscope({"list", "--output", "json"});
  EXPECT_EQ(list.status, 0) << list;
  EXPECT_THAT(list.out, HasSubstr(R"("view": "unknown")"));
  const auto inspect = pinscope({"inspect", container_.id(), "--output", "json"});
  EXPECT_EQ(inspect.status, 0) << inspect;
  EXPECT_THAT(installation_.run_gc(), Succeeds());
  EXPECT_THAT(installation_.records(), Contains(container_.id() + ".json"));
  EXPECT_GT(volume_->unanswered(), 0U) << "nobody looked";

  ASSERT_NO_FATAL_FAILURE(end());
  EXPECT_THAT(installation_.records(), IsEmpty());
}

// Nothing ends who waits there: each one more would stay as long as the container does.
class SilentContainerOfOne : public SilentContainer {
 protected:
  // Processes of pinscope that not even SIGKILL ends.
  static int kept_waiting() {
    int count = 0;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      std::ifstream file(entry.path() / "stat");
      std::string text;
      std::getline(file, text);
      if (text.find("(pinscope) D ") != std::string::npos) ++count;
    }
    return count;
  }
};
// Who waits for an answer that nobody has begun can be ended, and holds no lock then: whoever looks
// next waits as long.
TEST_P(SilentContainerOfOne, HidesNoDriftOfOthers) {
  ASSERT_NO_FATAL_FAILURE(start_and_lead_astray(Silence::kStopped));
  RuntimeContainer other(GetParam());
  installation_.hook_into(other.spec);
  other.probe({"sleep 1000"});
  ASSERT_THAT(other.create(), Succeeds());
  ASSERT_THAT(other.start(), Succeeds());
  policy(
      "view: {at: /run/bpf/x}\n"
      "grants: [{pin: /sys/fs/bpf/app/flows, as: flows, access: read-write}]\n");
  const auto metrics =
      pinscope({"metrics", "--policy", installation_.policy_directory(), "--cache-dir",
                installation_.cache_directory(), "--audit", installation_.audit_path()});
  EXPECT_THAT(metrics.out, HasSubstr("\npinscope_drift{kind=\"narrower\"} 2\n")) << metrics;
  end();
  (void)other.remove(true);
}

TEST_P(SilentContainerOfOne, KeepsOneProcessOfThoseWhoLook) {
  ASSERT_NO_FATAL_FAILURE(start_and_lead_astray());
  EXPECT_THAT(pinscope({"list"}).out, HasSubstr("view not seen"));
  EXPECT_EQ(kept_waiting(), 1);
  EXPECT_THAT(pinscope({"list"}).out, HasSubstr("view not seen"));
  (void)pinscope({"inventory"});
  EXPECT_EQ(kept_waiting(), 1);

  policy(
      "view: {at: /run/bpf/x}\n"
      "grants: [{pin: /sys/fs/bpf/app/flows, as: flows, access: read-write}]\n");
  const std::vector<std::string> apply = {"apply",
                                          "--all",
                                          "--yes",
                                          "--policy",
                                          installation_.policy_directory(),
                                          "--cache-dir",
                                          installation_.cache_directory(),
                                          "--audit",
                                          installation_.audit_path()};
  const auto first = pinscope(apply);
  EXPECT_EQ(first.status, 1) << first;
  EXPECT_THAT(first.out, HasSubstr("does not answer on the way to its view"));
  EXPECT_EQ(installation_.last_audit().outcome, "not-changed");
  // One that masks the bpffs beside the view, and one that replaces the view.
  EXPECT_EQ(kept_waiting(), 3);
  const auto second = pinscope(apply);
  EXPECT_EQ(second.status, 1) << second;
  EXPECT_THAT(second.out, HasSubstr("stop the container"));
  EXPECT_EQ(kept_waiting(), 3);
  end();
}

// The server answers the runtime and falls silent in front of our hook, as a hostile one would.
TEST_P(SilentContainer, WhoseViewWouldBeThereIsRefusedByTheRuntimeAsWell) {
  if (!installation_.wrapper.empty())
    GTEST_SKIP() << "what plays the older kernel waits for the hook's child, which cannot end";
  policy("view: {at: /data/x/bpf}\ngrants: [{pin: /sys/fs/bpf/app/flows, as: flows}]\n");
  ASSERT_THAT(installation_.compile(), Succeeds());
  const std::string reached = host_.path("reached");
  const std::string go_on = host_.path("go-on");
  const std::string script = host_.write("wait",
                                         "#!/bin/sh\ntouch " + reached + "\nwhile ! [ -e " + go_on +
                                             " ]; do sleep 0.01; done\ncat >/dev/null\n",
                                         0755);
  installation_.hook_into(container_.spec);
  auto& hooks = container_.spec.hooks["createRuntime"];
  hooks.insert(hooks.begin(), BundleHook{script, {script}, {"PATH=/bin:/usr/bin"}, 30});
  std::thread server([&] {
    EXPECT_TRUE(wait_until([&] { return fs::exists(reached); }));
    volume_->fall_silent(Silence::kTaking);
    write_file(go_on, "");
  });
  const auto result = run({"id"});
  server.join();
  EXPECT_NE(result.status, 0) << result;
  EXPECT_FALSE(result.timed_out) << result;
  EXPECT_EQ(installation_.last_audit().outcome, "refused");
  EXPECT_EQ(installation_.last_audit().code, "target-invalid");
  EXPECT_THAT(installation_.records(), IsEmpty());
  EXPECT_GT(volume_->unanswered(), 0U) << "nobody asked";
}

PINSCOPE_EACH_RUNTIME(SilentContainer);
INSTANTIATE_TEST_SUITE_P(, SilentContainerOfOne, testing::Values("crun"),
                         [](const auto& runtime) { return std::string(runtime.param); });

}  // namespace
}  // namespace pinscope::test
