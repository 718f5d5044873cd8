// Pods of a node whose containerd has pinscoped as an NRI plugin: the view inside, the plugin and
// the engine ending and coming back, many containers at once, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/engines/containerd/pinscope_test.h"

namespace pinscope::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// What an error of the engine says; empty if there was none.
template <typename Work>
std::string error_of(const Work& work) {
  try {
    work();
  } catch (const CriError& error) {
    return error.what();
  }
  return "";
}

class NriPod : public PinscopeContainerdTest {
 protected:
  // containerd 1.7 has NRI switched off unless it is told to.
  void SetUp() override {
    PinscopeContainerdTest::SetUp();
    if (IsSkipped()) return;
    node().configure(R"(
[plugins."io.containerd.nri.v1.nri"]
disable = false
[@CRI@.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
pod_annotations = ["*", "*/*"]
container_annotations = ["*", "*/*"]
[@CRI@.containerd.runtimes.pinscope]
runtime_type = "io.containerd.runc.v2"
[@CRI@.containerd.runtimes.pinscope.options]
BinaryName = "/usr/bin/pinscope-runtime-containerd"
)");
  }

  // How often the plugin was taken on by an engine.
  [[nodiscard]] int registrations() {
    if (!node().machine().exists("/var/log/pinscoped.log")) return 0;
    const std::string log = node().machine().read("/var/log/pinscoped.log");
    int count = 0;
    for (size_t at = 0; (at = log.find("serving containerd", at)) != std::string::npos; ++at)
      ++count;
    return count;
  }
  void wait_for_registration(int number) {
    ASSERT_TRUE(wait_until([&] { return registrations() >= number; }))
        << node().machine().log("pinscoped") << node().machine().log("containerd");
  }
  void start_plugin(std::vector<std::string> options = {}) {
    const int before = registrations();
    options.insert(options.begin(), {"pinscoped", "--nri"});
    plugin_ = node().machine().start("pinscoped", options);
    wait_for_registration(before + 1);
  }
  void kill_plugin() { node().machine().kill(plugin_); }

  // Before NRI 0.10 no plugin can change the seccomp profile, and the default one refuses bpf(2):
  // docs/engines/containerd.md. The view is the same with another profile.
  static CriContainerSpec unconfined(CriContainerSpec spec) {
    spec.seccomp = CriContainerSpec::Seccomp::kUnconfined;
    return spec;
  }
  std::string ask(const Pod& pod, CriContainerSpec spec) { return node().cri().run(pod, spec); }
  std::string ask(const Pod& pod) {
    return ask(pod, unconfined(ContainerdMachine::probe(questions())));
  }
  [[nodiscard]] int granted() {
    int count = 0;
    for (const auto& line : audit()) count += line.find(R"("outcome":"granted")") != line.npos;
    return count;
  }

 private:
  pid_t plugin_ = -1;
};

TEST_P(NriPod, OfAnExternalPluginHasItsView) {
  node().start();
  start_plugin();
  const Pod pod = node().cri().run_pod();
  EXPECT_EQ(ask(pod), kView);
  EXPECT_EQ(ask(pod, ContainerdMachine::probe({"ls /sys/fs/bpf", "get-ro /sys/fs/bpf/flows"})),
            "ls /sys/fs/bpf: ok flows\n"
            "get-ro /sys/fs/bpf/flows: EPERM\n");  // the default profile
  PodSpec other;
  other.kubernetes_namespace = "shop";
  EXPECT_EQ(ask(node().cri().run_pod(other)),
            "ls /sys/fs/bpf: ok\n"
            "lookup /sys/fs/bpf/flows 1: ENOENT\n"
            "get-ro /sys/fs/bpf/keys: ENOENT\n"
            "get-rw /sys/fs/bpf/flows: ENOENT\n");
  EXPECT_THAT(records(), IsEmpty());
}

TEST_P(NriPod, OfAPreInstalledPluginHasItsView) {
  const auto linked = node().machine().run(
      {"sh", "-c",
       "mkdir -p /opt/nri/plugins && ln -s /usr/bin/pinscoped /opt/nri/plugins/50-pinscope"});
  ASSERT_EQ(linked.status, 0) << linked;
  node().start();
  EXPECT_EQ(ask(node().cri().run_pod()), kView);
  EXPECT_THAT(records(), IsEmpty());
  node().restart();
  EXPECT_EQ(ask(Pod{.id = node().cri().pods().front(), .spec = {}}), kView);
}

TEST_P(NriPod, ReadsItsMapUnderTheDefaultProfileIfTheShimIsThereAsWell) {
  node().start();
  start_plugin();
  PodSpec spec;
  spec.handler = "pinscope";
  EXPECT_EQ(ask(node().cri().run_pod(spec), ContainerdMachine::probe(questions())), kView);
  EXPECT_EQ(granted(), 1);
  EXPECT_THAT(records(), IsEmpty());
}

TEST_P(NriPod, StartsWithoutAViewIfThePluginIsMissingUnlessTheShimIsItsBase) {
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

TEST_P(NriPod, IsLeftAloneByAPluginThatWasKilledAndComesBack) {
  node().start();
  start_plugin();
  const Pod pod = node().cri().run_pod();
  const std::string id = node().cri().create(pod, unconfined(ContainerdMachine::sleeper()));
  node().cri().start(id);
  kill_plugin();
  start_plugin();
  EXPECT_THAT(node().machine().read("/var/log/pinscoped.log"),
              HasSubstr("1 containers are there already"));
  EXPECT_THAT(records(), ElementsAre(id + ".json"));
  EXPECT_EQ(granted(), 1);
  kill_plugin();
  node().cri().stop(id);
  node().cri().remove(id);
  EXPECT_THAT(records(), IsEmpty());  // the hook needs no plugin
}

TEST_P(NriPod, HasItsViewAgainAfterTheEngineWasRestarted) {
  node().start();
  start_plugin();
  const Pod pod = node().cri().run_pod();
  const std::string id = node().cri().create(pod, unconfined(ContainerdMachine::sleeper()));
  node().cri().start(id);
  node().kill();
  node().start();
  wait_for_registration(2);
  EXPECT_THAT(records(), ElementsAre(id + ".json"));  // it went on running
  EXPECT_EQ(granted(), 1);
  node().cri().stop(id);
  node().cri().remove(id);
  EXPECT_EQ(ask(pod), kView);
  EXPECT_THAT(records(), IsEmpty());
}

TEST_P(NriPod, HasItsViewAmongAHundredContainersAtOnce) {
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
  node().remove_pods();
  EXPECT_THAT(records(), IsEmpty());
}

TEST_P(NriPod, GainsNothingByAnnotationsThatLie) {
  node().start();
  start_plugin();
  PodSpec liar;
  liar.kubernetes_namespace = "shop";
  liar.name = "shop-1";
  liar.annotations = lies();
  liar.labels = {{"io.kubernetes.pod.namespace", "web"}};
  CriContainerSpec spec = unconfined(ContainerdMachine::probe(questions()));
  spec.annotations = lies();
  spec.labels = lies();
  EXPECT_THAT(ask(node().cri().run_pod(liar), spec), HasSubstr("ls /sys/fs/bpf: ok\n"));
  EXPECT_EQ(granted(), 0);
}

TEST_P(NriPod, HasItsViewWithoutAHookInItsConfiguration) {
  node().start();
  start_plugin({"--nri-mode", "start"});
  const Pod pod = node().cri().run_pod();
  const std::string id = node().cri().create(pod, unconfined(ContainerdMachine::sleeper()));
  node().cri().start(id);
  EXPECT_THAT(node().config_json(id), Not(HasSubstr("pinscope-hook")));
  EXPECT_THAT(records(), ElementsAre(id + ".json"));
  node().cri().stop(id);
  node().cri().remove(id);
  EXPECT_THAT(records(), IsEmpty());
  EXPECT_EQ(ask(pod), kView);
  EXPECT_TRUE(wait_until([&] { return records().empty(); }));

  pins.remove("/sys/fs/bpf/flows");
  const std::string refused = node().cri().create(pod, unconfined(ContainerdMachine::sleeper()));
  EXPECT_THAT(error_of([&] { node().cri().start(refused); }),
              HasSubstr(R"(cannot open source pin "/sys/fs/bpf/flows")"));
  node().cri().remove(refused);
  EXPECT_THAT(records(), IsEmpty());
}

TEST_P(NriPod, IsNotStartedIfItsPinIsMissingNorCreatedWithoutPolicies) {
  node().start();
  start_plugin();
  const Pod pod = node().cri().run_pod();
  pins.remove("/sys/fs/bpf/flows");
  const std::string id = node().cri().create(pod, ContainerdMachine::sleeper());
  EXPECT_THAT(error_of([&] { node().cri().start(id); }),
              HasSubstr(R"(cannot open source pin "/sys/fs/bpf/flows")"));
  node().cri().remove(id);
  EXPECT_THAT(audit(), Contains(AllOf(HasSubstr(R"("outcome":"refused")"),
                                      HasSubstr(R"("code":"source-missing")"))));
  // A policy that was never accepted: no set to go by.
  node().machine().run({"sh", "-c", "rm -rf /var/lib/pinscope"});
  write_policy("apiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: x}\nspec: {grant: 1}\n");
  EXPECT_THAT(error_of([&] { (void)node().cri().create(pod, ContainerdMachine::sleeper()); }),
              AllOf(HasSubstr("web.yaml:4:7: error:"), HasSubstr("none was ever accepted")));
  EXPECT_THAT(node().cri().containers(), IsEmpty());
  EXPECT_THAT(records(), IsEmpty());
}

PINSCOPE_CRI_RELEASES(NriPod);

}  // namespace
}  // namespace pinscope::test
