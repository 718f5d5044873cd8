// Pods whose RuntimeClass names the runtime shim: the view inside under the engine's default
// seccomp profile and capabilities, who gets it, who does not, and what is left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engines/containerd/pinscope_test.h"

namespace pinscope::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class ShimPod : public PinscopeContainerdTest {
 protected:
  // A node whose administrator lets every annotation of pods and containers through to the runtime.
  void SetUp() override {
    PinscopeContainerdTest::SetUp();
    if (IsSkipped()) return;
    node().configure(R"(
[@CRI@.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[@CRI@.containerd.runtimes.pinscope]
runtime_type = "io.containerd.runc.v2"
pod_annotations = ["*", "*/*"]
container_annotations = ["*", "*/*"]
[@CRI@.containerd.runtimes.pinscope.options]
BinaryName = "/usr/bin/pinscope-runtime-containerd"
)");
    node().start();
  }

  static PodSpec web_pod() {
    PodSpec spec;
    spec.handler = "pinscope";
    return spec;
  }
};

TEST_P(ShimPod, ReadsItsGrantedMapUnderTheDefaultProfileAndLeavesNothing) {
  const Pod pod = node().cri().run_pod(web_pod());
  EXPECT_EQ(node().cri().run(pod, ContainerdMachine::probe(questions())), kView);
  EXPECT_THAT(records(), IsEmpty());
  node().remove_pods();
  EXPECT_THAT(audit(), ElementsAre(HasSubstr(R"("outcome":"policy-accepted")"),
                                   HasSubstr(R"("outcome":"granted")"),
                                   HasSubstr(R"("outcome":"removed")")));
}

TEST_P(ShimPod, MayCallNoMoreOfBpfThanItsGrantNeeds) {
  EXPECT_EQ(node().cri().run(node().cri().run_pod(web_pod()),
                             ContainerdMachine::probe({"lookup /sys/fs/bpf/flows 1", "map-create",
                                                       "prog-load", "freeze-ro /sys/fs/bpf/flows",
                                                       "repin /sys/fs/bpf/flows /tmp/pin"})),
            "lookup /sys/fs/bpf/flows 1: ok 42\n"
            "map-create: EPERM\n"
            "prog-load: EPERM\n"
            "freeze-ro /sys/fs/bpf/flows: EPERM\n"
            "repin /sys/fs/bpf/flows /tmp/pin: EPERM\n");
}

TEST_P(ShimPod, IsShownWithItsIdentityAndHowThatWasEstablished) {
  const Pod pod = node().cri().run_pod(web_pod());
  const std::string id = node().cri().create(pod, ContainerdMachine::sleeper());
  node().cri().start(id);

  EXPECT_THAT(records(), ElementsAre(id + ".json"));  // and none of the sandbox
  const auto list = pinscope({"list"});
  EXPECT_EQ(list.status, 0) << list;
  EXPECT_THAT(list.out, AllOf(HasSubstr(id.substr(0, 12)), Not(HasSubstr(pod.id))));
  const auto inspect = pinscope({"inspect", id});
  EXPECT_EQ(inspect.status, 0) << inspect;
  for (const char* fact :
       {"web (annotation io.kubernetes.cri.sandbox-namespace, set by containerd)",
        "web-1 (annotation io.kubernetes.cri.sandbox-name, set by containerd)",
        "app (annotation io.kubernetes.cri.container-name, set by containerd)"})
    EXPECT_THAT(inspect.out, HasSubstr(fact));
  const auto trail = pinscope({"audit", "--outcome", "granted", "--output", "json"});
  EXPECT_THAT(trail.out, HasSubstr("web-1")) << trail;

  node().remove_pods();
  EXPECT_THAT(records(), IsEmpty());
}

TEST_P(ShimPod, OfAnotherNamespacePodOrContainerSeesNothing) {
  PodSpec other = web_pod();
  other.kubernetes_namespace = "shop";
  EXPECT_EQ(node().cri().run(node().cri().run_pod(other), ContainerdMachine::probe(questions())),
            kNoView);
  other = web_pod();
  other.name = "db-1";
  EXPECT_EQ(node().cri().run(node().cri().run_pod(other), ContainerdMachine::probe(questions())),
            kNoView);
  CriContainerSpec sidecar = ContainerdMachine::probe(questions());
  sidecar.name = "sidecar";
  EXPECT_EQ(node().cri().run(node().cri().run_pod(web_pod()), sidecar), kNoView);
  EXPECT_THAT(audit(), Not(Contains(HasSubstr(R"("outcome":"granted")"))));
}

TEST_P(ShimPod, GainsNothingByAnnotationsThatLie) {
  PodSpec liar = web_pod();
  liar.kubernetes_namespace = "shop";
  liar.name = "shop-1";
  liar.annotations = lies();
  liar.labels = {{"io.kubernetes.pod.namespace", "web"}};
  const Pod pod = node().cri().run_pod(liar);
  CriContainerSpec spec = ContainerdMachine::sleeper();
  spec.annotations = lies();
  spec.labels = lies();
  const std::string id = node().cri().create(pod, spec);
  node().cri().start(id);

  const std::string config = node().config_json(id);
  EXPECT_THAT(config, HasSubstr(R"("io.kubernetes.pod.namespace":"web")"));  // it did arrive
  EXPECT_THAT(config, HasSubstr(R"("pinscope.dev/namespace":"web")"));
  EXPECT_THAT(config, HasSubstr(R"("io.kubernetes.cri.sandbox-namespace":"shop")"));
  EXPECT_THAT(config, Not(HasSubstr(R"("io.kubernetes.cri.sandbox-namespace":"web")")));
  EXPECT_THAT(records(), IsEmpty());

  spec.command = ContainerdMachine::probe(questions()).command;
  spec.name = "again";
  EXPECT_EQ(node().cri().run(pod, spec), kNoView);
  EXPECT_THAT(audit(), Not(Contains(HasSubstr(R"("outcome":"granted")"))));
}

TEST_P(ShimPod, CannotPassForASandbox) {
  // Whom a policy hides the host's pins from might want to be left alone.
  write_policy(R"(apiVersion: pinscope/v1
kind: Policy
metadata: {name: everyone}
spec:
  select: {engine: containerd}
  grants:
    - {pin: /sys/fs/bpf/flows, access: read}
)");
  PodSpec liar = web_pod();
  liar.annotations = {{"io.kubernetes.cri.container-type", "sandbox"},
                      {"io.kubernetes.cri-o.ContainerType", "sandbox"}};
  const Pod pod = node().cri().run_pod(liar);
  EXPECT_THAT(records(), IsEmpty());  // the sandbox itself is left alone
  EXPECT_THAT(node().config_json(pod.id), Not(HasSubstr("pinscope-hook")));
  CriContainerSpec spec = ContainerdMachine::probe(questions());
  spec.annotations = liar.annotations;
  EXPECT_EQ(node().cri().run(pod, spec), kView);
}

TEST_P(ShimPod, IsNotStartedIfItsPinIsMissingAndSaysWhy) {
  pins.remove("/sys/fs/bpf/flows");
  const Pod pod = node().cri().run_pod(web_pod());
  const std::string id = node().cri().create(pod, ContainerdMachine::sleeper());
  try {
    node().cri().start(id);
    ADD_FAILURE() << "the container started";
  } catch (const CriError& error) {
    EXPECT_THAT(error.what(), HasSubstr(R"(cannot open source pin "/sys/fs/bpf/flows")"));
  }
  EXPECT_THAT(records(), IsEmpty());
  EXPECT_THAT(audit(), Contains(AllOf(HasSubstr(R"("outcome":"refused")"),
                                      HasSubstr(R"("code":"source-missing")"))));
}

INSTANTIATE_TEST_SUITE_P(Releases, ShimPod,
                         testing::Values(kContainerd16, kContainerd17, kContainerd21),
                         release_name);

}  // namespace
}  // namespace pinscope::test
