// pinscoped as an NRI plugin, with real containers: what it adds to a container's configuration
// gives the container its view, and what it cannot decide stops it.
#include <chrono>
#include <map>

#include "plugin/nri/nri.pb.h"
#include "tests/engines/nri_plugin.h"
#include "tests/engines/values_daemons.h"
#include "tests/support/machine/silent_file_system.h"

namespace pinscope::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

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

TEST_P(NriPlugin, GivesAContainerValuesByHooks) {
  if (!SilentFileSystem::possible()) GTEST_SKIP() << "there is no FUSE here";
  const ValuesDaemons daemons(installation_.state_directory());
  show_values();
  ASSERT_EQ(engine_.configure(configuration()).code, nri::RpcCode::kOk);
  container_.spec.hooks = hooks_of(engine_.create(played_));
  const auto result = run({"cat /run/bpf/flows/entries", "ls /sys/fs/bpf"});
  EXPECT_EQ(answer(result, "cat /run/bpf/flows/entries"), "ok " + std::string(kEntryOf42))
      << result;
  EXPECT_THAT(installation_.records(), IsEmpty());
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
    nri::CreateContainerResponse message;
    EXPECT_TRUE(message.ParseFromString(engine_.create(played_).payload));
    std::map<std::string, std::string> variables;
    for (const auto& one : message.adjust().env()) variables[one.key()] = one.value();
    return variables;
  };
  EXPECT_THAT(environment(), IsEmpty());
  played_.more = nri::test::field(11, nri::test::field(1, nri::test::field(1, "user")));
  EXPECT_THAT(environment(), ElementsAre(testing::Pair("LIBBPF_BPF_TOKEN_PATH", "/run/bpf")));
}

PINSCOPE_EACH_RUNTIME(NriPlugin);

}  // namespace
}  // namespace pinscope::test
