// Pods of a node whose containerd has pinscoped as an NRI plugin: the view inside, who gets it, and
// what is refused.
#include <gmock/gmock.h>

#include "tests/engines/containerd/nri_pod.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST_P(NriPod, OfAnExternalPluginHasItsView) {
  node().start();
  start_plugin();
  const Pod pod = node().cri().run_pod();
  EXPECT_THAT(node().config_json(pod.id), Not(HasSubstr("pinscope-hook")));  // the sandbox
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
  pre_install_plugin();
  node().start();
  EXPECT_EQ(ask(node().cri().run_pod()), kView);
  EXPECT_THAT(records(), IsEmpty());
  node().restart();
  EXPECT_EQ(ask(Pod{.id = node().cri().pods().front(), .spec = {}}), kView);
}

TEST_P(NriPod, OfAPreInstalledPluginIsServedAsItsConfigurationSays) {
  pre_install_plugin("# no hooks here\nnri-mode: start\n");
  node().start();
  const Pod pod = node().cri().run_pod();
  const std::string id = start_sleeper(pod);
  EXPECT_THAT(node().config_json(id), Not(HasSubstr("pinscope-hook")));
  EXPECT_THAT(records(), ElementsAre(id + ".json"));
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

// With the service beside the plugin: nobody starts the container again.
TEST_P(NriPod, SeesTheMapThatAnAgentPinsAnew) {
  std::string policy = kWebPolicy;
  policy.replace(policy.find("access: read"), std::string("access: read").size(), "follow: true");
  write_policy(policy);
  node().start();
  start_plugin();
  const pid_t service = node().machine().start("follow", {"pinscoped", "--follow"});
  const std::string id = start_sleeper(node().cri().run_pod());
  const std::string record = node().machine().read("/run/pinscope/containers/" + id + ".json");
  const auto at = record.find("\"pid\":");
  ASSERT_NE(at, std::string::npos) << record;
  const std::string pid = std::to_string(std::stoul(record.substr(at + 6)));
  const auto looks_up = [&] {
    return node()
        .machine()
        .run({"nsenter", "--target", pid, "--mount", "/bin/probe", "lookup /sys/fs/bpf/flows 1"})
        .out;
  };
  EXPECT_EQ(looks_up(), "lookup /sys/fs/bpf/flows 1: ok 42\n");
  pins.remove("/sys/fs/bpf/flows");
  pins.map("/sys/fs/bpf/flows", {.name = "flows"});
  set_value("/sys/fs/bpf/flows", 1, 43);
  EXPECT_TRUE(wait_until([&] { return looks_up() == "lookup /sys/fs/bpf/flows 1: ok 43\n"; }))
      << looks_up() << node().machine().log("follow");
  EXPECT_THAT(pinscope({"drift"}).out, HasSubstr("no drift"));
  node().machine().stop(service);
}

TEST_P(NriPod, HasItsViewWithoutAHookInItsConfiguration) {
  node().start();
  start_plugin({"--nri-mode", "start"});
  const Pod pod = node().cri().run_pod();
  const std::string id = start_sleeper(pod);
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

TEST_P(NriPod, IsSelectedByItsLabelsAndByNothingThatLooksLikeThem) {
  write_policy(R"(apiVersion: pinscope/v1
kind: Policy
metadata: {name: network-team}
spec:
  select: {kubernetes: {labels: {team: net}}}
  grants:
    - {pin: /sys/fs/bpf/flows, access: read}
)");
  node().start();
  start_plugin();
  PodSpec spec;
  spec.labels = {{"team", "net"}};
  EXPECT_EQ(ask(node().cri().run_pod(spec)), kView);
  PodSpec other;
  other.name = "web-2";
  other.annotations = {{"team", "net"}};
  CriContainerSpec liar = unconfined(ContainerdMachine::probe(questions()));
  liar.labels = liar.annotations = {{"team", "net"}};
  EXPECT_THAT(ask(node().cri().run_pod(other), liar), HasSubstr("ls /sys/fs/bpf: ok\n"));
  EXPECT_EQ(granted(), 1);
}

TEST_P(NriPod, CannotPassForASandbox) {
  node().start();
  start_plugin();
  PodSpec liar;
  liar.annotations = {{"io.kubernetes.cri.container-type", "sandbox"},
                      {"io.kubernetes.cri-o.ContainerType", "sandbox"}};
  CriContainerSpec spec = unconfined(ContainerdMachine::probe(questions()));
  spec.annotations = liar.annotations;
  EXPECT_EQ(ask(node().cri().run_pod(liar), spec), kView);
}

// The way without the shim for engines whose NRI cannot change profiles: docs/engines/nri.md.
TEST_P(NriPod, ReadsItsMapUnderAProfileOfItsOwn) {
  node().machine().write("/usr/share/pinscope/seccomp/runtime-default.json",
                         read_file(PINSCOPE_SECCOMP_PROFILE));
  const auto made = node().machine().run(
      {"sh", "-c",
       R"(mkdir -p /var/lib/kubelet/seccomp && jq '.syscalls += [1, 4, 7, 12, 15 | {names: ["bpf"],
            action: "SCMP_ACT_ALLOW", args: [{index: 0, value: ., op: "SCMP_CMP_EQ"}]}]' \
            /usr/share/pinscope/seccomp/runtime-default.json >/var/lib/kubelet/seccomp/bpf.json)"});
  ASSERT_EQ(made.status, 0) << made;
  node().start();
  start_plugin();
  CriContainerSpec spec = ContainerdMachine::probe(questions());
  spec.command.emplace_back("map-create");
  spec.seccomp = CriContainerSpec::Seccomp::kLocalhost;
  spec.seccomp_profile = "/var/lib/kubelet/seccomp/bpf.json";
  EXPECT_EQ(ask(node().cri().run_pod(), spec), kView + "map-create: EPERM\n");
}

PINSCOPE_CRI_RELEASES(NriPod);

}  // namespace
}  // namespace pinscope::test
