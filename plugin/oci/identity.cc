#include "plugin/oci/identity.h"

#include <optional>
#include <string_view>

namespace pinscope::oci {
namespace {

using model::Engine;
using model::Fact;

// The annotations in which one engine writes a container's identity. What a pod's owner can set is
// overwritten by the engine under these keys, and only under these:
//   containerd, internal/cri/annotations: appended after the annotations it passes through, for a
//     sandbox and for a container. A sandbox gets no container name and no image.
//   CRI-O, SpecAddAnnotations (a container): the kubelet's labels are copied last. Its own keys
//     come before the container's annotations, which are the kubelet's. Of its keys
//     "io.kubernetes.cri-o.Namespace" and "….KubeName" are not written: there they are the pod's.
//   CRI-O, runPodSandbox (a sandbox): its own keys, then all the pod's annotations and labels,
//     which so take the place of any of them; last are the labels that the kubelet sets, and the
//     container name "POD", which no container of a pod may have. CRImportCheckpoint (a container
//     that is restored) writes the annotations of the checkpoint over its own keys likewise.
struct TrustedKeys {
  std::string_view writer;
  std::string_view kubernetes_namespace;
  std::string_view pod;
  std::string_view uid;
  std::string_view container;
  std::string_view image;
  std::string_view kind;          // "sandbox" for a pod's own container
  std::string_view sandbox_name;  // if not empty: the container name that only a sandbox has
};

constexpr TrustedKeys kContainerd = {
    .writer = "containerd",
    .kubernetes_namespace = "io.kubernetes.cri.sandbox-namespace",
    .pod = "io.kubernetes.cri.sandbox-name",
    .uid = "io.kubernetes.cri.sandbox-uid",
    .container = "io.kubernetes.cri.container-name",
    .image = "io.kubernetes.cri.image-name",
    .kind = "io.kubernetes.cri.container-type",
    .sandbox_name = "",
};

constexpr TrustedKeys kCrio = {
    .writer = "CRI-O",
    .kubernetes_namespace = "io.kubernetes.pod.namespace",
    .pod = "io.kubernetes.pod.name",
    .uid = "io.kubernetes.pod.uid",
    .container = "io.kubernetes.container.name",
    .image = "io.kubernetes.cri-o.ImageName",
    .kind = "io.kubernetes.cri-o.ContainerType",
    .sandbox_name = "POD",
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

// containerd keeps bundles at STATE/io.containerd.KIND/NAMESPACE/ID: KIND is runtime.v2.task, or
// runtime.v1.linux of releases before 2.0.
bool is_of_another_namespace(std::string_view bundle) {
  constexpr std::string_view kPlugin = "/io.containerd.";
  constexpr std::string_view kPods = "/k8s.io/";
  const size_t plugin = bundle.rfind(kPlugin);
  if (plugin == std::string_view::npos) return false;
  const size_t containerd_namespace = bundle.find('/', plugin + 1);
  return containerd_namespace == std::string_view::npos ||
         !bundle.substr(containerd_namespace).starts_with(kPods);
}

// Of what is read: whether it is a sandbox, where the engine's own word for that can be the pod's,
// and without what the engine then does not write.
void settle_kind(model::Identity& identity, const TrustedKeys& keys) {
  const bool has_name = identity.kubernetes_container.has_value();
  if (!keys.sandbox_name.empty() && has_name)
    identity.is_sandbox = identity.kubernetes_container->value == keys.sandbox_name;
  // Without the kubelet's labels nothing tells a sandbox from a container for certain.
  const bool is_certain = keys.sandbox_name.empty() || has_name;
  if (identity.is_sandbox || !is_certain) identity.image.reset();
  if (identity.is_sandbox) identity.kubernetes_container.reset();
}

}  // namespace

bool establishes_facts(Engine engine) {
  return trusted_keys_of(engine) != nullptr;
}

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
  settle_kind(identity, *keys);
  return identity;
}

}  // namespace pinscope::oci
