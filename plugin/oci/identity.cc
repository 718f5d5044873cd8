#include "plugin/oci/identity.h"

#include <optional>
#include <string_view>

namespace pinscope::oci {
namespace {

using model::Engine;
using model::Fact;

// The annotations in which one engine writes a container's identity. What a pod's owner can set is
// overwritten by the engine under these keys, and only under these:
//   containerd, internal/cri/annotations: appended after the annotations it passes through
//   CRI-O, SpecAddAnnotations: the kubelet's labels and its own keys are copied last. Its keys
//     "io.kubernetes.cri-o.Namespace" and "….KubeName" are not among them: on a workload's
//     container they come from the pod's annotations.
struct TrustedKeys {
  std::string_view writer;
  std::string_view kubernetes_namespace;
  std::string_view pod;
  std::string_view uid;
  std::string_view container;
  std::string_view image;
  std::string_view kind;  // "sandbox" for a pod's own container
};

constexpr TrustedKeys kContainerd = {
    .writer = "containerd",
    .kubernetes_namespace = "io.kubernetes.cri.sandbox-namespace",
    .pod = "io.kubernetes.cri.sandbox-name",
    .uid = "io.kubernetes.cri.sandbox-uid",
    .container = "io.kubernetes.cri.container-name",
    .image = "io.kubernetes.cri.image-name",
    .kind = "io.kubernetes.cri.container-type",
};

constexpr TrustedKeys kCrio = {
    .writer = "CRI-O",
    .kubernetes_namespace = "io.kubernetes.pod.namespace",
    .pod = "io.kubernetes.pod.name",
    .uid = "io.kubernetes.pod.uid",
    .container = "io.kubernetes.container.name",
    .image = "io.kubernetes.cri-o.ImageName",
    .kind = "io.kubernetes.cri-o.ContainerType",
};

// Podman and Docker write nothing that `--annotation` could not: no identity from them.
const TrustedKeys* trusted_keys_of(Engine engine) {
  switch (engine) {
    case Engine::kContainerd:
      return &kContainerd;
    case Engine::kCrio:
      return &kCrio;
    case Engine::kUnknown:
    case Engine::kPodman:
    case Engine::kDocker:
    case Engine::kHost:
      return nullptr;
  }
  return nullptr;
}

// containerd keeps bundles at STATE/io.containerd.runtime.v2.task/NAMESPACE/ID.
bool is_of_another_namespace(std::string_view bundle) {
  constexpr std::string_view kTasks = "/io.containerd.runtime.v2.task/";
  constexpr std::string_view kPods = "k8s.io/";
  const size_t tasks = bundle.rfind(kTasks);
  return tasks != std::string_view::npos &&
         !bundle.substr(tasks + kTasks.size()).starts_with(kPods);
}

}  // namespace

model::Identity read_identity(const Annotations& annotations, Engine engine,
                              std::string_view bundle) {
  model::Identity identity;
  const TrustedKeys* keys = trusted_keys_of(engine);
  if (keys == nullptr) return identity;
  if (engine == Engine::kContainerd && is_of_another_namespace(bundle)) return identity;

  const auto fact = [&](const auto& annotation) {
    return Fact{.value = annotation.second,
                .established_by =
                    "annotation " + annotation.first + ", set by " + std::string(keys->writer)};
  };
  for (const auto& annotation : annotations) {
    const auto& [key, value] = annotation;
    if (key == keys->kubernetes_namespace) {
      identity.kubernetes_namespace = fact(annotation);
    } else if (key == keys->pod) {
      identity.kubernetes_pod = fact(annotation);
    } else if (key == keys->uid) {
      identity.kubernetes_uid = fact(annotation);
    } else if (key == keys->container) {
      identity.kubernetes_container = fact(annotation);
    } else if (key == keys->image) {
      identity.image = fact(annotation);
    } else if (key == keys->kind) {
      identity.is_sandbox = value == "sandbox";
    }
  }
  // The engines do not write these two for a sandbox, so there they would be the pod's own words.
  if (identity.is_sandbox) {
    identity.kubernetes_container.reset();
    identity.image.reset();
  }
  return identity;
}

}  // namespace pinscope::oci
