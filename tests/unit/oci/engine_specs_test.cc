// Specifications as each engine writes them, a pod's sandbox and its containers apart, layer over
// layer in the order of the engine's source, for a pod whose owner says whatever it may of itself.
#include <map>
#include <string>

#include "plugin/oci/identity.h"
#include "tests/unit/oci/configs.h"

namespace pinscope::oci {
namespace {

using model::Engine;
using Layer = std::map<std::string, std::string>;

Annotations written(const std::vector<Layer>& layers) {
  Layer all;
  for (const Layer& layer : layers)
    for (const auto& [key, value] : layer) all[key] = value;
  return {all.begin(), all.end()};
}

// What its owner may write into a pod: as annotations, and as labels.
Layer lies(const std::string& kind) {
  Layer all;
  for (const char* key :
       {"io.kubernetes.cri.sandbox-namespace", "io.kubernetes.cri.sandbox-name",
        "io.kubernetes.cri.sandbox-uid", "io.kubernetes.cri.container-name",
        "io.kubernetes.cri.image-name", "io.kubernetes.pod.namespace", "io.kubernetes.pod.name",
        "io.kubernetes.pod.uid", "io.kubernetes.container.name", "io.kubernetes.cri-o.Namespace",
        "io.kubernetes.cri-o.KubeName", "io.kubernetes.cri-o.Image",
        "io.kubernetes.cri-o.ImageName", "io.kubernetes.cri-o.SandboxID"})
    all[key] = "forged";
  all["io.kubernetes.cri.container-type"] = kind;
  all["io.kubernetes.cri-o.ContainerType"] = kind;
  return all;
}

// kubelet: newPodLabels, after the pod's own; newContainerLabels.
const Layer kPodLabels = {{"io.kubernetes.pod.name", "web-1"},
                          {"io.kubernetes.pod.namespace", "web"},
                          {"io.kubernetes.pod.uid", "uid-1"}};
const Layer kContainerName = {{"io.kubernetes.container.name", "app"}};

// server/sandbox_run_linux.go, runPodSandbox.
Annotations crio_sandbox(const Layer& annotations, const Layer& labels) {
  return written({{{"io.kubernetes.cri-o.ContainerType", "sandbox"},
                   {"io.kubernetes.cri-o.ImageName", "registry.k8s.io/pause:3.10"},
                   {"io.kubernetes.cri-o.Namespace", "web"}},
                  annotations,
                  labels,
                  kPodLabels,
                  {{"io.kubernetes.container.name", "POD"}}});
}

// internal/factory/container/container.go, SpecAddAnnotations. `config`: the annotations of the
// container, which are the kubelet's, or those of the checkpoint that it is restored from.
Annotations crio_container(const Layer& pod_annotations, const Layer& config = {}) {
  return written({pod_annotations,
                  {{"io.kubernetes.cri-o.ContainerType", "container"},
                   {"io.kubernetes.cri-o.ImageName", "app:1"}},
                  config,
                  kPodLabels,
                  kContainerName});
}

// internal/cri/annotations/annotations.go, DefaultCRIAnnotations; pod_annotations = ["*"].
Annotations containerd_spec(const Layer& pod_annotations, bool sandbox) {
  const Layer of_kind = sandbox ? Layer{{"io.kubernetes.cri.container-type", "sandbox"}}
                                : Layer{{"io.kubernetes.cri.container-type", "container"},
                                        {"io.kubernetes.cri.container-name", "app"},
                                        {"io.kubernetes.cri.image-name", "app:1"}};
  return written({pod_annotations,
                  {{"io.kubernetes.cri.sandbox-namespace", "web"},
                   {"io.kubernetes.cri.sandbox-name", "web-1"},
                   {"io.kubernetes.cri.sandbox-uid", "uid-1"}},
                  of_kind});
}

std::string said(const std::optional<model::Fact>& fact) {
  return fact ? fact->value : "-";
}

std::string line(const Annotations& annotations, Engine engine) {
  const auto identity = read_identity(annotations, engine);
  return said(identity.kubernetes_namespace) + " " + said(identity.kubernetes_pod) + " " +
         said(identity.kubernetes_uid) + " " + said(identity.kubernetes_container) + " " +
         said(identity.image) + (identity.is_sandbox ? " sandbox" : "");
}

class EngineSpecs : public testing::TestWithParam<const char*> {
 protected:
  Layer lies_ = lies(GetParam());
};

TEST_P(EngineSpecs, OfASandboxOfCrioIsOneWhateverThePodSays) {
  const char* const expected = "web web-1 uid-1 - - sandbox";
  EXPECT_EQ(line(crio_sandbox({}, {}), Engine::kCrio), expected);
  EXPECT_EQ(line(crio_sandbox(lies_, {}), Engine::kCrio), expected);
  EXPECT_EQ(line(crio_sandbox({}, lies_), Engine::kCrio), expected);
}

TEST_P(EngineSpecs, OfAContainerOfCrioIsNoSandboxWhateverThePodSays) {
  EXPECT_EQ(line(crio_container(lies_), Engine::kCrio), "web web-1 uid-1 app app:1");
}

// The image is then the checkpoint's word; restoring a container that a policy selects is refused.
TEST_P(EngineSpecs, OfARestoredContainerOfCrioIsNoSandboxWhateverTheCheckpointSays) {
  EXPECT_EQ(line(crio_container({}, lies_), Engine::kCrio), "web web-1 uid-1 app forged");
}

TEST_P(EngineSpecs, OfCrioWithoutTheKubeletsLabelsHasNoImage) {
  Layer unnamed = lies_;
  unnamed.erase("io.kubernetes.container.name");
  const auto identity = read_identity(written({unnamed}), Engine::kCrio);
  EXPECT_FALSE(identity.image);
  EXPECT_EQ(identity.is_sandbox, std::string(GetParam()) == "sandbox");
}

TEST_P(EngineSpecs, OfContainerdAreWhatContainerdSaysWhateverThePodSays) {
  EXPECT_EQ(line(containerd_spec(lies_, true), Engine::kContainerd), "web web-1 uid-1 - - sandbox");
  EXPECT_EQ(line(containerd_spec(lies_, false), Engine::kContainerd), "web web-1 uid-1 app app:1");
}

// cri-dockerd writes labels only, Podman's `kube play` annotations that `--annotation` can write.
TEST_P(EngineSpecs, OfDockerAndPodmanSayNothing) {
  for (const Engine engine : {Engine::kDocker, Engine::kPodman, Engine::kHost, Engine::kUnknown})
    EXPECT_EQ(line(written({lies_}), engine), "- - - - -");
}

INSTANTIATE_TEST_SUITE_P(PodSaysItIs, EngineSpecs, testing::Values("container", "sandbox", "x"));

}  // namespace
}  // namespace pinscope::oci
