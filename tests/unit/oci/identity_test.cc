// Identity: what each engine's own keys establish, and that no key which a workload's owner may set
// gains anything, under any engine.
#include "plugin/oci/identity.h"

#include <map>
#include <set>

#include "tests/unit/oci/configs.h"

namespace pinscope::oci {
namespace {

using model::Engine;

// "value (established by)" for each fact, by its name.
std::map<std::string, std::string> facts_of(const model::Identity& identity) {
  std::map<std::string, std::string> facts;
  const auto add = [&](const char* name, const std::optional<model::Fact>& fact) {
    if (fact) facts[name] = fact->value + " (" + fact->established_by + ")";
  };
  add("namespace", identity.kubernetes_namespace);
  add("pod", identity.kubernetes_pod);
  add("container", identity.kubernetes_container);
  add("uid", identity.kubernetes_uid);
  add("image", identity.image);
  for (const auto& [key, label] : identity.kubernetes_labels) facts["label " + key] = label.value;
  if (identity.is_sandbox) facts["sandbox"] = "yes";
  return facts;
}

model::Identity identity_in(const std::string& file, Engine engine) {
  const auto container = read_container(a_state(), config_file(file), engine);
  EXPECT_TRUE(container) << container.error().sentence();
  return container ? container->identity : model::Identity{};
}

using Facts = std::map<std::string, std::string>;

TEST(Identity, OfContainerdComesFromTheAnnotationsThatItWritesLast) {
  EXPECT_EQ(
      facts_of(identity_in("containerd.json", Engine::kContainerd)),
      (Facts{
          {"namespace", "web (annotation io.kubernetes.cri.sandbox-namespace, set by containerd)"},
          {"pod", "web-7d9f (annotation io.kubernetes.cri.sandbox-name, set by containerd)"},
          {"container", "app (annotation io.kubernetes.cri.container-name, set by containerd)"},
          {"uid",
           "6f1c7a62-0000-4000-8000-000000000001 (annotation "
           "io.kubernetes.cri.sandbox-uid, set by containerd)"},
          {"image",
           "registry.example/app:1.4 (annotation io.kubernetes.cri.image-name, set by "
           "containerd)"},
      }));
}

TEST(Identity, OfCrioComesFromTheLabelsOfTheKubeletAndItsOwnKeys) {
  EXPECT_EQ(facts_of(identity_in("crio.json", Engine::kCrio)),
            (Facts{
                {"namespace", "web (annotation io.kubernetes.pod.namespace, set by CRI-O)"},
                {"pod", "web-7d9f (annotation io.kubernetes.pod.name, set by CRI-O)"},
                {"container", "app (annotation io.kubernetes.container.name, set by CRI-O)"},
                {"uid",
                 "6f1c7a62-0000-4000-8000-000000000001 (annotation io.kubernetes.pod.uid, "
                 "set by CRI-O)"},
                {"image",
                 "registry.example/app:1.4 (annotation io.kubernetes.cri-o.ImageName, set "
                 "by CRI-O)"},
            }));
}

TEST(Identity, IsNothingForTheOtherEnginesWhateverTheFileSays) {
  for (const Engine engine : {Engine::kUnknown, Engine::kPodman, Engine::kDocker})
    for (const char* file :
         {"containerd.json", "crio.json", "podman.json", "docker.json", "runc-spec.json"})
      EXPECT_EQ(facts_of(identity_in(file, engine)), Facts{}) << file;
}

TEST(Identity, OfOneEngineDoesNotCountUnderAnother) {
  EXPECT_EQ(facts_of(identity_in("crio.json", Engine::kContainerd)), Facts{});
  EXPECT_EQ(facts_of(identity_in("containerd.json", Engine::kCrio)), Facts{});
}

// Everything that looks like an identity, whoever would write it. A workload's owner can set each
// of these under Podman and Docker, and under containerd and CRI-O each that the engine does not
// overwrite.
const std::vector<std::string> kForgeable = {
    "io.kubernetes.cri.sandbox-namespace",
    "io.kubernetes.cri.sandbox-name",
    "io.kubernetes.cri.sandbox-uid",
    "io.kubernetes.cri.sandbox-id",
    "io.kubernetes.cri.container-name",
    "io.kubernetes.cri.container-type",
    "io.kubernetes.cri.image-name",
    "io.kubernetes.cri.podsandbox.image-name",
    "io.kubernetes.cri.sandbox-log-directory",
    "io.kubernetes.pod.namespace",
    "io.kubernetes.pod.name",
    "io.kubernetes.pod.uid",
    "io.kubernetes.container.name",
    "io.kubernetes.cri-o.Namespace",
    "io.kubernetes.cri-o.KubeName",
    "io.kubernetes.cri-o.CgroupParent",
    "io.kubernetes.cri-o.RuntimeHandler",
    "io.kubernetes.cri-o.ContainerType",
    "io.kubernetes.cri-o.Image",
    "io.kubernetes.cri-o.ImageName",
    "io.kubernetes.cri-o.ImageRef",
    "io.kubernetes.cri-o.Name",
    "io.kubernetes.cri-o.ContainerID",
    "io.kubernetes.cri-o.Annotations",
    "io.kubernetes.cri-o.MountPoint",
    "io.kubernetes.cri-o.Volumes",
    "io.kubernetes.cri-o.SeccompProfilePath",
    "io.kubernetes.cri-o.Created",
    "io.kubernetes.cri-o.LogPath",
    "io.kubernetes.cri-o.IP.0",
    "io.kubernetes.cri-o.Labels",
    "io.kubernetes.cri-o.Metadata",
    "io.kubernetes.cri-o.SandboxID",
    "io.kubernetes.cri-o.SandboxName",
    "io.container.manager",
    "io.podman.annotations.autoremove",
    "org.opencontainers.image.ref.name",
    "org.opencontainers.image.title",
    "nerdctl/namespace",
    // What could be taken for a pod's labels.
    "app",
    "io.kubernetes.pod.labels",
    "io.kubernetes.cri.sandbox-labels",
    "app.kubernetes.io/name",
    "cdi.k8s.io/pinscope",
    "pod.kubernetes.io/name",
    // Near misses of trusted keys: another case, a blank, a prefix, a suffix.
    "IO.kubernetes.pod.namespace",
    "io.kubernetes.pod.namespace ",
    " io.kubernetes.pod.namespace",
    "io.kubernetes.pod.namespace.x",
    "io.kubernetes.pod.namespac",
    "io.kubernetes.cri.sandbox-namespace ",
};

// The keys that the engine itself overwrites: only these may count.
std::set<std::string> trusted_keys(Engine engine) {
  switch (engine) {
    case Engine::kContainerd:
      return {"io.kubernetes.cri.sandbox-namespace", "io.kubernetes.cri.sandbox-name",
              "io.kubernetes.cri.sandbox-uid",       "io.kubernetes.cri.container-name",
              "io.kubernetes.cri.container-type",    "io.kubernetes.cri.image-name"};
    case Engine::kCrio:
      return {"io.kubernetes.pod.namespace",
              "io.kubernetes.pod.name",
              "io.kubernetes.pod.uid",
              "io.kubernetes.container.name",
              "io.kubernetes.cri-o.ContainerType",
              "io.kubernetes.cri-o.ImageName"};
    case Engine::kUnknown:
    case Engine::kPodman:
    case Engine::kDocker:
    case Engine::kHost:
      return {};
  }
  return {};
}

class ForgedAnnotation : public testing::TestWithParam<Engine> {};

TEST_P(ForgedAnnotation, GainsNothingAlone) {
  const auto trusted = trusted_keys(GetParam());
  for (const auto& key : kForgeable) {
    if (trusted.contains(key)) continue;
    for (const char* value : {"kube-system", "sandbox"})
      EXPECT_EQ(facts_of(read_identity({{key, value}}, GetParam())), Facts{}) << key;
  }
}

TEST_P(ForgedAnnotation, ChangesNothingBesideTheRealOnes) {
  const auto trusted = trusted_keys(GetParam());
  Annotations real;
  for (const auto& key : trusted) real.emplace_back(key, "real");
  const auto expected = facts_of(read_identity(real, GetParam()));
  for (const auto& key : kForgeable) {
    if (trusted.contains(key)) continue;  // cannot appear twice: the reader refuses that
    Annotations first = real;
    first.emplace(first.begin(), key, "forged");
    EXPECT_EQ(facts_of(read_identity(first, GetParam())), expected) << key;
    Annotations last = real;
    last.emplace_back(key, "forged");
    EXPECT_EQ(facts_of(read_identity(last, GetParam())), expected) << key;
  }
}

TEST(Identity, EstablishesAFactForEachTrustedKey) {
  for (const Engine engine : {Engine::kContainerd, Engine::kCrio})
    for (const auto& key : trusted_keys(engine)) {
      // CRI-O's image counts beside a container's name only.
      if (key == "io.kubernetes.cri-o.ImageName") continue;
      EXPECT_EQ(facts_of(read_identity({{key, "sandbox"}}, engine)).size(), 1U) << key;
    }
}

INSTANTIATE_TEST_SUITE_P(Engines, ForgedAnnotation,
                         testing::Values(Engine::kUnknown, Engine::kPodman, Engine::kDocker,
                                         Engine::kContainerd, Engine::kCrio),
                         [](const auto& engine) {
                           const std::string name = model::engine_name(engine.param);
                           return name.empty() ? "unknown" : name;
                         });

TEST(Identity, CannotBeForgedByAKeyThatStandsTwice) {
  const auto container = read_container(
      a_state("/b"), config_with(R"(,"annotations":{"io.kubernetes.pod.namespace":"web",
                     "io.kubernetes.pod.namespace":"kube-system"})"),
      Engine::kCrio);
  ASSERT_FALSE(container);
  EXPECT_EQ(container.error().sentence(),
            "cannot read \"/b/config.json\": /annotations: the key \"io.kubernetes.pod.namespace\" "
            "appears twice");
}

TEST(Identity, DoesNotComeFromTheAnnotationsOfTheState) {
  const auto state = parse_state(
      R"({"id":"a","bundle":"/b","annotations":{"io.kubernetes.pod.namespace":"kube-system"}})");
  ASSERT_TRUE(state);
  const auto container = read_container(*state, config_with(""), Engine::kCrio);
  ASSERT_TRUE(container);
  EXPECT_EQ(facts_of(container->identity), Facts{});
}

TEST(Identity, KnowsTheSandboxOfAPod) {
  EXPECT_TRUE(read_identity({{"io.kubernetes.cri.container-type", "sandbox"}}, Engine::kContainerd)
                  .is_sandbox);
  EXPECT_FALSE(
      read_identity({{"io.kubernetes.cri.container-type", "container"}}, Engine::kContainerd)
          .is_sandbox);
  EXPECT_TRUE(
      read_identity({{"io.kubernetes.cri-o.ContainerType", "sandbox"}}, Engine::kCrio).is_sandbox);
  for (const Engine engine : {Engine::kUnknown, Engine::kPodman, Engine::kDocker})
    EXPECT_FALSE(read_identity({{"io.kubernetes.cri.container-type", "sandbox"},
                                {"io.kubernetes.cri-o.ContainerType", "sandbox"}},
                               engine)
                     .is_sandbox);
}

TEST(Identity, OfASandboxHasNoContainerNameAndNoImage) {
  const auto identity = read_identity({{"io.kubernetes.cri.image-name", "forged"},
                                       {"io.kubernetes.cri.container-name", "forged"},
                                       {"io.kubernetes.cri.container-type", "sandbox"},
                                       {"io.kubernetes.cri.sandbox-name", "web-7d9f"}},
                                      Engine::kContainerd);
  EXPECT_EQ(facts_of(identity),
            (Facts{{"pod",
                    "web-7d9f (annotation io.kubernetes.cri.sandbox-name, set by "
                    "containerd)"},
                   {"sandbox", "yes"}}));
}

TEST(Identity, OfContainerdIsThatOfItsPodsOnly) {
  const std::string forged = config_with(R"(,"annotations":{
      "io.kubernetes.cri.sandbox-namespace":"kube-system",
      "io.kubernetes.cri.container-type":"sandbox"})");
  const std::string tasks = "/run/containerd/io.containerd.runtime.v2.task/";
  const std::string old = "/run/containerd/io.containerd.runtime.v1.linux/";
  for (const std::string& other :
       {tasks + "default/c1", tasks + "moby/c1", tasks + "k8s.io.evil/c1", tasks + "c1",
        old + "default/c1", std::string("/run/containerd/io.containerd.")}) {
    const auto container = read_container(a_state(other), forged, Engine::kContainerd);
    ASSERT_TRUE(container);
    EXPECT_EQ(facts_of(container->identity), Facts{}) << other;
  }
  for (const std::string bundle : {"/run/containerd/io.containerd.runtime.v2.task/k8s.io/c1",
                                   "/run/containerd/io.containerd.runtime.v1.linux/k8s.io/c1",
                                   "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/c1"}) {
    const auto container = read_container(a_state(bundle), forged, Engine::kContainerd);
    ASSERT_TRUE(container);
    EXPECT_EQ(facts_of(container->identity).size(), 2U) << bundle;
  }
}

}  // namespace
}  // namespace pinscope::oci
