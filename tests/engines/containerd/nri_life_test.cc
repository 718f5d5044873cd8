// Pods of a node with pinscoped as an NRI plugin, when the plugin or the engine ends, hangs, comes
// back, or has much to do.
#include <gmock/gmock.h>

#include <chrono>
#include <future>

#include "tests/engines/containerd/nri_pod.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class NriPodAndItsPlugin : public NriPod {};

TEST_P(NriPodAndItsPlugin, StartsWithoutAViewIfThePluginIsMissingUnlessTheShimIsItsBase) {
  node().start();
  start_plugin();
  kill_plugin();
  const Pod pod = node().cri().run_pod();
  EXPECT_THAT(ask(pod), HasSubstr("ls /sys/fs/bpf: ok\n"));  // NRI fails open
  PodSpec closed;
  closed.name = "web-2";
  closed.handler = "pinscope";
  EXPECT_EQ(ask(node().cri().run_pod(closed), ContainerdMachine::probe(questions())), kView);
  start_plugin();
  EXPECT_EQ(ask(pod), kView);
}

TEST_P(NriPodAndItsPlugin, IsLeftAloneByAPluginThatWasKilledAndComesBack) {
  node().start();
  start_plugin();
  const Pod pod = node().cri().run_pod();
  const std::string id = start_sleeper(pod);
  kill_plugin();
  start_plugin();
  const std::string told = "containers that are there already stay as they are: 1";
  EXPECT_TRUE(wait_until([&] {
    return node().machine().log("pinscoped").find(told) != std::string::npos;
  })) << node().machine().log("pinscoped");
  EXPECT_THAT(records(), ElementsAre(id + ".json"));
  EXPECT_EQ(granted(), 1);
  kill_plugin();
  node().cri().stop(id);
  node().cri().remove(id);
  EXPECT_THAT(records(), IsEmpty());  // the hook needs no plugin
}

TEST_P(NriPodAndItsPlugin, IsToldOfIfItStartedWithoutAView) {
  const auto times_said = [&](std::string_view text) {
    const std::string log = node().machine().read("/var/log/pinscoped.log");
    int times = 0;
    for (size_t at = 0; (at = log.find(text, at)) != std::string::npos; ++at) ++times;
    return times;
  };
  constexpr std::string_view kTold =
      " without a view: policy \"flow-readers\" selects it";  // "may run": no record was ever made
  node().start();
  const Pod pod = node().cri().run_pod();
  const std::string without = start_sleeper(pod);
  start_plugin();
  EXPECT_TRUE(wait_until([&] { return times_said(kTold) == 1; }))
      << node().machine().log("pinscoped");
  node().cri().stop(without);
  node().cri().remove(without);
  start_sleeper(pod);
  kill_plugin();
  start_plugin();
  ASSERT_TRUE(wait_until([&] { return times_said("that are there already") == 2; }));
  // What it has to say of them comes before it answers the next call.
  PodSpec next;
  next.name = "web-2";
  EXPECT_EQ(ask(node().cri().run_pod(next)), kView);
  EXPECT_EQ(times_said(kTold), 1) << node().machine().log("pinscoped");
}

// As during a rollout: the old one is there until the new one serves the engine.
TEST_P(NriPodAndItsPlugin, HasItsViewWithTwoPluginsAtOnce) {
  node().start();
  start_plugin();
  start_plugin({"--nri-index=51"});
  const Pod pod = node().cri().run_pod();
  const std::string id = start_sleeper(pod);
  EXPECT_THAT(records(), ElementsAre(id + ".json"));
  EXPECT_EQ(granted(), 1);
  node().cri().stop(id);
  node().cri().remove(id);
  EXPECT_THAT(records(), IsEmpty());
  EXPECT_EQ(ask(pod), kView);
}

TEST_P(NriPodAndItsPlugin, IsServedWhenAProbeIsToldSo) {
  const auto status = [&] {
    return node().machine().exists("/run/probe/nri") ? node().machine().read("/run/probe/nri") : "";
  };
  node().start();
  start_plugin({"--status-file=/run/probe/nri"});
  EXPECT_TRUE(wait_until([&] { return status() == "ready\n"; })) << status();
  node().kill();
  EXPECT_TRUE(wait_until([&] { return status().starts_with("not ready: "); })) << status();
  node().start();
  EXPECT_TRUE(wait_until([&] { return status() == "ready\n"; })) << status();
}

TEST_P(NriPodAndItsPlugin, HasItsViewAgainAfterTheEngineWasRestarted) {
  node().start();
  start_plugin();
  const Pod pod = node().cri().run_pod();
  const std::string id = start_sleeper(pod);
  node().kill();
  ASSERT_TRUE(wait_until([&] {
    return node().machine().log("pinscoped").find("cannot connect to") != std::string::npos;
  })) << node().machine().log("pinscoped");
  node().start();
  wait_for_registration(2);
  EXPECT_THAT(records(), ElementsAre(id + ".json"));  // it went on running
  EXPECT_EQ(granted(), 1);
  node().cri().stop(id);
  node().cri().remove(id);
  EXPECT_EQ(ask(pod), kView);
  EXPECT_THAT(records(), IsEmpty());
}

TEST_P(NriPodAndItsPlugin, HasItsViewAmongAHundredContainersAtOnce) {
  constexpr int kPods = 10;
  constexpr int kContainers = 10;
  write_policy(R"(apiVersion: pinscope/v1
kind: Policy
metadata: {name: everyone}
spec:
  select: {kubernetes: {namespace: web}}
  grants:
    - {pin: /sys/fs/bpf/flows, access: read}
)");
  node().start();
  start_plugin();
  const auto fill_pod = [this](int number) {
    PodSpec spec;
    spec.name = "web-" + std::to_string(number);
    const Pod pod = node().cri().run_pod(spec);
    std::vector<std::string> ids;
    for (int i = 0; i < kContainers; ++i) {
      CriContainerSpec container =
          unconfined(ContainerdMachine::probe({"lookup /sys/fs/bpf/flows 1", "sleep 600"}));
      container.name = "app-" + std::to_string(i);
      ids.push_back(node().cri().create(pod, container));
      node().cri().start(ids.back());
    }
    return ids;
  };
  std::vector<std::future<std::vector<std::string>>> pods;
  for (int i = 0; i < kPods; ++i) pods.push_back(std::async(std::launch::async, fill_pod, i));
  std::vector<std::string> all;
  for (auto& pod : pods)
    for (auto& id : pod.get()) all.push_back(std::move(id));
  EXPECT_THAT(all, SizeIs(kPods * kContainers));
  EXPECT_THAT(records(), SizeIs(kPods * kContainers));
  for (const auto& id : all)
    EXPECT_TRUE(wait_until([&] {
      return node().cri().logs(id) == "lookup /sys/fs/bpf/flows 1: ok 42\n";
    })) << id
        << ": " << node().cri().logs(id);
  // An answer that came too late would have cost the plugin its connection.
  EXPECT_EQ(registrations(), 1);
  EXPECT_THAT(engine_log(), Not(HasSubstr("closing plugin")));
  node().remove_pods();
  EXPECT_THAT(records(), IsEmpty());
}

// The engine waits for an answer for two seconds, once, and goes on without the plugin.
TEST_P(NriPodAndItsPlugin, StartsWithoutAViewIfThePluginHangsUnlessTheShimIsItsBase) {
  node().start();
  start_plugin();
  const Pod pod = node().cri().run_pod();
  PodSpec closed;
  closed.name = "web-2";
  closed.handler = "pinscope";
  const Pod closed_pod = node().cri().run_pod(closed);
  signal_plugin(SIGSTOP);
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THAT(ask(pod), HasSubstr("ls /sys/fs/bpf: ok\n"));
  EXPECT_GT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
  EXPECT_EQ(ask(closed_pod, ContainerdMachine::probe(questions())), kView);
  EXPECT_THAT(engine_log(), HasSubstr("closing plugin"));
  signal_plugin(SIGCONT);
  wait_for_registration(2);
  EXPECT_EQ(ask(pod), kView);
}

TEST_P(NriPodAndItsPlugin, IsNotCreatedIfThePluginsConfigurationIsWrong) {
  pre_install_plugin("nri-mode: none\n");
  node().start();
  const Pod pod = node().cri().run_pod();
  EXPECT_THAT(error_of([&] { (void)node().cri().create(pod, ContainerdMachine::sleeper()); }),
              HasSubstr("line 1 of the plugin's configuration"));
  node().machine().write("/etc/nri/conf.d/50-pinscope.conf", "nri-mode: hooks\n");
  node().restart();
  EXPECT_EQ(ask(pod), kView);
}

PINSCOPE_CRI_RELEASES(NriPodAndItsPlugin);

}  // namespace
}  // namespace pinscope::test
