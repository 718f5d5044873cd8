// pinscoped as an NRI plugin, with real containers: what it adds to a container's configuration
// gives the container its view, what it runs at the start does, and what it cannot decide stops it.
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "plugin/nri/nri.pb.h"
#include "tests/engines/played_engine.h"
#include "tests/support/container/view_test.h"

namespace pinscope::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kForWeb =
    "select: {kubernetes: {namespace: web}}\n"
    "grants:\n"
    "  - {pin: /sys/fs/bpf/flows}\n";

// What containerd writes into the configuration of a pod's container.
std::map<std::string, std::string> annotations_of(const PlayedContainer& container) {
  return {{"io.kubernetes.cri.container-type", "container"},
          {"io.kubernetes.cri.sandbox-namespace", container.kubernetes_namespace},
          {"io.kubernetes.cri.sandbox-name", container.pod},
          {"io.kubernetes.cri.container-name", container.name}};
}

class NriPlugin : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    pins_.map("/sys/fs/bpf/flows");
    installation_.write_policy(policy_text(kForWeb));
    played_.id = container_.id();
    container_.spec.annotations = annotations_of(played_);
  }
  std::string configuration(const std::string& more = "") {
    return PlayedEngine::configuration(installation_, more);
  }

  PlayedContainer played_;
  PlayedEngine engine_;
};

TEST_P(NriPlugin, GivesAContainerItsViewByHooks) {
  ASSERT_EQ(engine_.configure(configuration()).code, nri::RpcCode::kOk);
  const auto response = engine_.create(played_);
  ASSERT_EQ(response.code, nri::RpcCode::kOk) << response.message;
  container_.spec.hooks = hooks_of(response);
  ASSERT_EQ(container_.spec.hooks.size(), 2U);
  const auto result = run({"ls /sys/fs/bpf"});
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok flows") << result;
  EXPECT_THAT(installation_.records(), IsEmpty()) << "the hook at poststop did not run";
  EXPECT_THAT(engine_.log(), HasSubstr("container \"app\" of pod \"web/web-1\": added hooks"));
}

TEST_P(NriPlugin, HandsOnThePodLabelsThatPoliciesName) {
  installation_.write_policy(
      policy_text("select: {kubernetes: {labels: {team: net}}}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/flows}\n"));
  ASSERT_EQ(engine_.configure(configuration()).code, nri::RpcCode::kOk);
  EXPECT_THAT(hooks_of(engine_.create(played_)), IsEmpty());
  played_.pod_labels = {{"team", "net"}, {"other", "x"}};
  container_.spec.hooks = hooks_of(engine_.create(played_));
  ASSERT_EQ(container_.spec.hooks.size(), 2U);
  const auto& arguments = container_.spec.hooks["createRuntime"][0].args;
  EXPECT_THAT(arguments, testing::Contains("team=net"));
  EXPECT_THAT(arguments, Not(testing::Contains("other=x")));
  EXPECT_EQ(answer(run({"ls /sys/fs/bpf"}), "ls /sys/fs/bpf"), "ok flows");
}

TEST_P(NriPlugin, LeavesAContainerAloneThatNoPolicyMaySelect) {
  ASSERT_EQ(engine_.configure(configuration()).code, nri::RpcCode::kOk);
  played_.kubernetes_namespace = "other";
  const auto response = engine_.create(played_);
  EXPECT_EQ(response.code, nri::RpcCode::kOk);
  EXPECT_EQ(response.payload, "");
}

// The user and the image are not known when the container is created.
TEST_P(NriPlugin, BringsTheHookInWhereAPolicySelectsByWhatIsNotKnownYet) {
  installation_.write_policy(policy_text(
      "select: {user: {uid: 77}, image: x, annotations: {a: b}, namespaces: {net: host}}\n"
      "grants:\n"
      "  - {pin: /sys/fs/bpf/flows}\n"));
  ASSERT_EQ(engine_.configure(configuration()).code, nri::RpcCode::kOk);
  EXPECT_EQ(hooks_of(engine_.create(played_)).size(), 2U);
}

TEST_P(NriPlugin, RefusesEveryContainerWhilePoliciesCannotBeUsed) {
  installation_.write_policy("no policy");
  ASSERT_EQ(engine_.configure(configuration()).code, nri::RpcCode::kOk);
  const auto response = engine_.create(played_);
  // Any other code, and the engine would go on without the plugin.
  EXPECT_EQ(response.code, nri::RpcCode::kUnknown);
  EXPECT_THAT(response.message, HasSubstr("pinscope: cannot use the policies in "));
  const auto line = installation_.last_audit();
  EXPECT_EQ(line.outcome, "refused");
  EXPECT_EQ(line.code, "policy-unavailable");
  EXPECT_EQ(line.stage, "CreateContainer");
  EXPECT_EQ(line.container, played_.id);
}

TEST_P(NriPlugin, KeepsTheLastGoodPoliciesThroughABadEdit) {
  ASSERT_EQ(engine_.configure(configuration()).code, nri::RpcCode::kOk);
  EXPECT_EQ(hooks_of(engine_.create(played_)).size(), 2U);
  installation_.write_policy("no policy");
  EXPECT_EQ(hooks_of(engine_.create(played_)).size(), 2U);
  EXPECT_THAT(engine_.log(), HasSubstr("the policies were refused: "));
  installation_.write_policy(policy_text("select: {kubernetes: {namespace: db}}\n"));
  EXPECT_THAT(hooks_of(engine_.create(played_)), IsEmpty());
}

TEST_P(NriPlugin, RefusesAContainerWhoseHookIsNotThere) {
  ASSERT_EQ(engine_.configure(configuration("hook: /nowhere/pinscope-hook")).code,
            nri::RpcCode::kOk);
  const auto response = engine_.create(played_);
  EXPECT_EQ(response.code, nri::RpcCode::kUnknown);
  EXPECT_EQ(
      response.message,
      "pinscope: cannot run \"/nowhere/pinscope-hook\": No such file or directory (--hook says "
      "where the hook is)");
}

// No answer in time would make the engine go on without the plugin.
TEST_P(NriPlugin, AnswersInTimeThoughTheCompilerDoesNotEnd) {
  const std::string slow = installation_.directory().write("slow", "#!/bin/sh\nsleep 100\n", 0755);
  ASSERT_EQ(engine_.configure(configuration("compiler: " + slow), "containerd", "2.1.9", 2000).code,
            nri::RpcCode::kOk);
  const auto begun = std::chrono::steady_clock::now();
  const auto response = engine_.create(played_);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(2000));
  EXPECT_EQ(response.code, nri::RpcCode::kUnknown);
  EXPECT_THAT(response.message, HasSubstr("it did not end in time"));
}

TEST_P(NriPlugin, AnswersAHundredCreationsAtOnceInTime) {
  ASSERT_EQ(engine_.configure(configuration()).code, nri::RpcCode::kOk);
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(engine_.create_many(played_, 100), 100);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
}

TEST_P(NriPlugin, EndsWithTheEngineAndBySignal) {
  ASSERT_EQ(engine_.configure(configuration()).code, nri::RpcCode::kOk);
  EXPECT_EQ(engine_.end(), 0);
  PlayedEngine another;
  ASSERT_EQ(another.configure(configuration()).code, nri::RpcCode::kOk);
  EXPECT_EQ(another.terminate(), 0);
}

TEST_P(NriPlugin, RefusesWhatItCannotServe) {
  const auto docker = engine_.configure(configuration(), "docker", "29.2.0");
  EXPECT_EQ(docker.message,
            "cannot serve the engine \"docker\": this plugin is for containerd and CRI-O (Docker "
            "lets no plugin add hooks; use pinscope-runtime)");
  const auto other = PlayedEngine().configure("", "other", "1.0");
  EXPECT_THAT(other.message, HasSubstr("--engine says what another one is to be taken for"));
  PlayedEngine unknown;
  EXPECT_EQ(unknown.configure(configuration("engine: crio"), "new", "1.0").code, nri::RpcCode::kOk);
}

// An error of Configure would keep containerd 1.7 from starting.
TEST_P(NriPlugin, RefusesContainersIfItsConfigurationHasAMistake) {
  ASSERT_EQ(engine_.configure(configuration("nri-mode: none")).code, nri::RpcCode::kOk);
  const auto response = engine_.create(played_);
  EXPECT_EQ(response.code, nri::RpcCode::kUnknown);
  EXPECT_THAT(response.message, HasSubstr("pinscope: line 5 of the plugin's configuration: "));
  EXPECT_THAT(engine_.log(), HasSubstr("refusing every container: line 5"));
  PlayedEngine other;
  ASSERT_EQ(other.configure(configuration("engine: crio")).code, nri::RpcCode::kOk);
  EXPECT_THAT(other.create(played_).message, HasSubstr("--engine says crio"));
}

// linux = 11 {namespaces = 1 {type = 1}}
TEST_P(NriPlugin, SaysWhereTokensAreIfLibbpfWouldNotLookThere) {
  installation_.write_policy(
      policy_text("select: {kubernetes: {namespace: web}, namespaces: {user: private}}\n"
                  "view: {at: /run/bpf}\n"
                  "delegate: {commands: [map_create], maps: [hash]}\n"));
  ASSERT_EQ(engine_.configure(configuration()).code, nri::RpcCode::kOk);
  const auto environment = [&] {
    nri::wire::CreateContainerResponse message;
    EXPECT_TRUE(message.ParseFromString(engine_.create(played_).payload));
    std::map<std::string, std::string> variables;
    for (const auto& one : message.adjust().env()) variables[one.key()] = one.value();
    return variables;
  };
  EXPECT_THAT(environment(), IsEmpty());
  played_.more = nri::test::field(11, nri::test::field(1, nri::test::field(1, "user")));
  EXPECT_THAT(environment(), ElementsAre(testing::Pair("LIBBPF_BPF_TOKEN_PATH", "/run/bpf")));
}

// --- Seccomp, from NRI 0.10 on

class NriSeccomp : public NriPlugin {
 protected:
  // {names}: how the policy of the answer deals with bpf; "none" without a policy.
  static std::vector<uint64_t> commands_of(const nri::Response& response) {
    nri::wire::CreateContainerResponse message;
    EXPECT_TRUE(message.ParseFromString(response.payload));
    std::vector<uint64_t> commands;
    for (const auto& rule : message.adjust().linux().seccomp_policy().syscalls())
      for (const auto& name : rule.names())
        if (name == "bpf" && rule.args_size() == 1) commands.push_back(rule.args(0).value());
    return commands;
  }
  std::string profile() {
    return "nri-seccomp: " + installation_.directory().write("profile.json",
                                                             R"({"defaultAction": "SCMP_ACT_ERRNO",
                   "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]})");
  }
  // linux = 11 {seccomp_profile = 7}, empty: the runtime's default
  static std::string default_profile() { return nri::test::field(11, nri::test::field(7, "")); }
};

TEST_P(NriSeccomp, LetsThroughWhatTheGrantsNeed) {
  ASSERT_EQ(engine_.configure(configuration(profile()), "containerd", "2.2.1").code,
            nri::RpcCode::kOk);
  played_.more = default_profile();
  const auto commands = commands_of(engine_.create(played_));
  EXPECT_THAT(commands, testing::IsSupersetOf({1, 7}));                     // look up, get
  EXPECT_THAT(commands, Not(testing::Contains(2)));                         // update
  EXPECT_THAT(commands, Not(testing::Contains(testing::AnyOf(0, 5, 22))));  // create, load, freeze
}

TEST_P(NriSeccomp, LeavesOtherProfilesAlone) {
  ASSERT_EQ(engine_.configure(configuration(profile()), "containerd", "2.2.1").code,
            nri::RpcCode::kOk);
  for (const uint64_t type : {1U, 2U}) {
    played_.more = nri::test::field(11, nri::test::field(7, nri::test::field(1, type)));
    EXPECT_THAT(commands_of(engine_.create(played_)), IsEmpty());
  }
  played_.more.clear();
  EXPECT_THAT(commands_of(engine_.create(played_)), IsEmpty());
}

TEST_P(NriSeccomp, StaysAsItIsWithAnOlderEngineOrWithoutAProfile) {
  ASSERT_EQ(engine_.configure(configuration(profile()), "containerd", "2.1.9").code,
            nri::RpcCode::kOk);
  played_.more = default_profile();
  EXPECT_THAT(commands_of(engine_.create(played_)), IsEmpty());
  EXPECT_THAT(engine_.log(), HasSubstr("this engine's NRI cannot change seccomp policies"));
  PlayedEngine none;
  ASSERT_EQ(none.configure(configuration("nri-seccomp: none"), "containerd", "2.2.0").code,
            nri::RpcCode::kOk);
  EXPECT_THAT(commands_of(none.create(played_)), IsEmpty());
}

// containerd 2.3 and newer tell the policy itself: what else it lets through stays, and the file
// that stands in for it elsewhere is not needed.
TEST_P(NriSeccomp, ChangesThePolicyOfTheContainerItselfWhereTheEngineTellsIt) {
  ASSERT_EQ(engine_.configure(configuration("nri-seccomp: /nowhere"), "containerd", "2.3.0").code,
            nri::RpcCode::kOk);
  EXPECT_THAT(engine_.log(), Not(HasSubstr("seccomp")));
  const std::string allow_clock =
      nri::test::field(1, "clock_settime") + nri::test::field(2, "SCMP_ACT_ALLOW");
  const std::string policy =
      nri::test::field(1, "SCMP_ACT_ERRNO") + nri::test::field(7, allow_clock);
  played_.more = nri::test::field(11, nri::test::field(7, "") + nri::test::field(8, policy));
  const auto response = engine_.create(played_);
  EXPECT_THAT(commands_of(response), testing::IsSupersetOf({1, 7}));
  EXPECT_THAT(response.payload, HasSubstr("clock_settime"));
  played_.more = default_profile();
  EXPECT_THAT(commands_of(engine_.create(played_)), IsEmpty()) << "it has no policy";
}

// During a rollout two of them serve one engine, which lets only one plugin set a policy.
TEST_P(NriSeccomp, StaysAsAnotherPinscopedHasMadeIt) {
  ASSERT_EQ(engine_.configure(configuration(profile()), "containerd", "2.2.1").code,
            nri::RpcCode::kOk);
  played_.more = default_profile();
  nri::wire::CreateContainerResponse first;
  ASSERT_TRUE(first.ParseFromString(engine_.create(played_).payload));
  const std::string made = first.adjust().linux().seccomp_policy().SerializeAsString();
  ASSERT_NE(made, "");
  played_.more = nri::test::field(11, nri::test::field(7, "") + nri::test::field(8, made));
  PlayedEngine second;
  ASSERT_EQ(second.configure(configuration(profile()), "containerd", "2.2.1").code,
            nri::RpcCode::kOk);
  nri::wire::CreateContainerResponse answer;
  ASSERT_TRUE(answer.ParseFromString(second.create(played_).payload));
  EXPECT_TRUE(answer.adjust().has_hooks());
  EXPECT_FALSE(answer.adjust().linux().has_seccomp_policy());
}

TEST_P(NriSeccomp, IsSaidToBeOutOfReachByAnEngineThatTellsNoProfile) {
  for (const auto& [name, version] : {std::pair("cri-o", "1.37.0"), {"containerd", "2.2.0"}}) {
    PlayedEngine engine;
    ASSERT_EQ(engine.configure(configuration(profile()), name, version).code, nri::RpcCode::kOk);
    EXPECT_THAT(engine.log(), HasSubstr("this engine tells plugins no seccomp profile"));
    EXPECT_THAT(commands_of(engine.create(played_)), IsEmpty());
  }
}

// --- The mode without hooks

// The leak sanitizer, which attaches to the hook as a debugger does, is refused there and makes it
// fail after its work is done.
#ifdef __SANITIZE_ADDRESS__
constexpr bool kHookCanSucceed = false;
#else
constexpr bool kHookCanSucceed = true;
#endif

class NriStart : public NriPlugin {
 protected:
  void SetUp() override {
    NriPlugin::SetUp();
    // Stands for containerd's shim: the container's process becomes our child, and we work beside
    // its bundle, which has its id.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    std::filesystem::create_directory_symlink(container_.bundle(),
                                              container_.directory().path(container_.id()));
    std::filesystem::current_path(container_.bundle());
    ASSERT_EQ(engine_.configure(configuration("nri-mode: start")).code, nri::RpcCode::kOk);
  }
  void TearDown() override { std::filesystem::current_path("/"); }

  nri::Response create_and_tell() {
    const auto response = engine_.create(played_);
    EXPECT_EQ(response.payload, "") << "hooks in the mode without";
    container_.probe({"ls /sys/fs/bpf"});
    EXPECT_EQ(container_.create().status, 0);
    played_.pid = container_.pid();
    return engine_.start(played_);
  }
};

TEST_P(NriStart, GivesAContainerItsViewBeforeItsProcessRuns) {
  if (!kHookCanSucceed) GTEST_SKIP() << "the leak sanitizer fails in a hook of pinscoped";
  const auto response = create_and_tell();
  ASSERT_EQ(response.code, nri::RpcCode::kOk) << response.message;
  EXPECT_THAT(installation_.records(), ElementsAre(container_.id() + ".json"));
  EXPECT_EQ(container_.start().status, 0);
  EXPECT_TRUE(container_.wait_stopped());
  EXPECT_THAT(container_.output(), HasSubstr("ls /sys/fs/bpf: ok flows\n"));
  EXPECT_EQ(container_.remove(true).status, 0);
  EXPECT_EQ(engine_.remove(played_).code, nri::RpcCode::kOk);
  EXPECT_THAT(installation_.records(), IsEmpty());
  EXPECT_EQ(installation_.last_audit().outcome, "removed");
  // Once more does no harm.
  EXPECT_EQ(engine_.remove(played_).code, nri::RpcCode::kOk);
}

TEST_P(NriStart, RefusesAContainerWhoseViewCannotBeMade) {
  pins_.remove("/sys/fs/bpf/flows");
  const auto response = create_and_tell();
  EXPECT_EQ(response.code, nri::RpcCode::kUnknown);
  EXPECT_THAT(response.message, HasSubstr("\"/sys/fs/bpf/flows\""));
  EXPECT_THAT(installation_.records(), IsEmpty());
}

TEST_P(NriStart, RefusesAContainerWhoseBundleIsNotFound) {
  std::filesystem::current_path("/");
  const auto response = create_and_tell();
  EXPECT_EQ(response.code, nri::RpcCode::kUnknown);
  EXPECT_THAT(response.message, HasSubstr("cannot find the bundle of container"));
}

TEST_P(NriStart, KeepsTheRecordOfAContainerThatIsStillThere) {
  if (!kHookCanSucceed) GTEST_SKIP() << "the leak sanitizer fails in a hook of pinscoped";
  ASSERT_EQ(create_and_tell().code, nri::RpcCode::kOk);
  EXPECT_EQ(engine_.remove(played_).code, nri::RpcCode::kOk);
  EXPECT_THAT(installation_.records(), ElementsAre(container_.id() + ".json"));
  EXPECT_EQ(container_.remove(true).status, 0);
  EXPECT_EQ(engine_.remove(played_).code, nri::RpcCode::kOk);
  EXPECT_THAT(installation_.records(), IsEmpty());
}

// As in a pod, whose PID namespace does not number the processes of the records.
TEST_P(NriStart, JudgesNoRecordsThatItMayOnlyRead) {
  if (!kHookCanSucceed) GTEST_SKIP() << "the leak sanitizer fails in a hook of pinscoped";
  ASSERT_EQ(create_and_tell().code, nri::RpcCode::kOk);
  EXPECT_EQ(container_.remove(true).status, 0);
  const std::string records = installation_.state_directory();
  ASSERT_EQ(::mount(records.c_str(), records.c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(::mount(nullptr, records.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr),
            0);
  EXPECT_EQ(engine_.remove(played_).code, nri::RpcCode::kOk);
  EXPECT_EQ(::umount(records.c_str()), 0);
  EXPECT_EQ(installation_.last_audit().outcome, "granted");
  EXPECT_THAT(engine_.log(), Not(HasSubstr("pinscope-hook")));
  EXPECT_EQ(engine_.remove(played_).code, nri::RpcCode::kOk);
  EXPECT_EQ(installation_.last_audit().outcome, "removed");
}

PINSCOPE_EACH_RUNTIME(NriPlugin);
PINSCOPE_EACH_RUNTIME(NriSeccomp);
PINSCOPE_EACH_RUNTIME(NriStart);

}  // namespace
}  // namespace pinscope::test
