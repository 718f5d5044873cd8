// matches(): each key, and the reason it gives for explain; selects(): `exclude` beside `select`.
#include <gtest/gtest.h>

#include "plugin/policy/decide/decide.h"
#include "plugin/policy/decide/select.h"

namespace pinscope::policy {
namespace {

using model::Engine;
using model::Namespace;
using model::NamespaceKind;

// A container of Kubernetes on CRI-O that joins its pod's network namespace.
model::Container container() {
  model::Container made;
  made.id = "c1";
  made.bundle = "/run/containers/c1";
  made.engine = Engine::kCrio;
  made.identity.kubernetes_namespace = {{"web", "test"}};
  made.identity.kubernetes_pod = {{"web-7f9c", "test"}};
  made.identity.kubernetes_container = {{"app", "test"}};
  made.identity.image = {{"registry.example/app:1.2", "test"}};
  made.annotations = {{"team", "net"}, {"tier", "front"}};
  made.uid = 1000;
  made.gid = 100;
  made.namespaces[static_cast<size_t>(NamespaceKind::kNet)] = {Namespace::Mode::kPath,
                                                               "/run/netns/pod-1"};
  made.namespaces[static_cast<size_t>(NamespaceKind::kUser)] = {Namespace::Mode::kPrivate, ""};
  return made;
}

// The network namespace of the pod goes by two names; joined_host says that it is the host's, too.
HostView host(bool joined_host = false) {
  HostView view;
  view.same_namespace = [joined_host](const model::Container& one, NamespaceKind kind,
                                      const std::string& path) {
    if (namespace_of(one, kind).mode != Namespace::Mode::kPath) return false;
    return path == "/run/netns/pod-1" || path == "/run/netns/tenant-a" ||
           (joined_host && path == "/proc/self/ns/net");
  };
  return view;
}

// "" if it selects, else the reason.
std::string why_not(const model::Select& select, const model::Container& one = container(),
                    const HostView& view = host()) {
  std::string reason;
  const bool selected = matches(select, one, view, &reason);
  EXPECT_EQ(selected, matches(select, one, view, nullptr));
  EXPECT_EQ(selected, reason.empty()) << reason;
  return reason;
}

TEST(Select, WithoutKeysMatchesEveryContainer) {
  EXPECT_EQ(why_not({}), "");
  EXPECT_EQ(why_not({}, model::Container{}), "");
}

TEST(Select, Engine) {
  EXPECT_EQ(why_not({.engines = {Engine::kContainerd, Engine::kCrio}}), "");
  EXPECT_EQ(why_not({.engines = {Engine::kContainerd, Engine::kPodman, Engine::kDocker}}),
            "engine is \"crio\", wanted \"containerd\", \"podman\" or \"docker\"");
  EXPECT_EQ(why_not({.engines = {Engine::kCrio}}, model::Container{}),
            "engine is not known, wanted \"crio\"");
}

TEST(Select, KubernetesFacts) {
  EXPECT_EQ(why_not({.kubernetes_namespaces = {"db", "w*"},
                     .kubernetes_pods = {"web-*"},
                     .kubernetes_containers = {"app"}}),
            "");
  EXPECT_EQ(why_not({.kubernetes_namespaces = {"db-*"}}),
            "kubernetes.namespace is \"web\", wanted \"db-*\"");
  EXPECT_EQ(why_not({.kubernetes_pods = {"db-*"}}),
            "kubernetes.pod is \"web-7f9c\", wanted \"db-*\"");
  EXPECT_EQ(why_not({.kubernetes_containers = {"x", "y"}}),
            "kubernetes.container is \"app\", wanted \"x\" or \"y\"");
}

TEST(Select, FactThatTheEngineDoesNotEstablishNeverMatches) {
  EXPECT_EQ(why_not({.kubernetes_namespaces = {"*"}}, model::Container{}),
            "kubernetes.namespace is not established by this engine, wanted \"*\"");
  EXPECT_EQ(why_not({.images = {"**"}}, model::Container{}),
            "image is not established by this engine, wanted \"**\"");
}

TEST(Select, Image) {
  EXPECT_EQ(why_not({.images = {"registry.example/app:*"}}), "");
  EXPECT_EQ(why_not({.images = {"**/app:1.2"}}), "");
  EXPECT_EQ(why_not({.images = {"*"}}), "image is \"registry.example/app:1.2\", wanted \"*\"");
}

TEST(Select, Bundle) {
  EXPECT_EQ(why_not({.bundles = {"/run/containers/*"}}), "");
  EXPECT_EQ(why_not({.bundles = {"/run/*"}}),
            "bundle is \"/run/containers/c1\", wanted \"/run/*\"");
}

TEST(Select, User) {
  EXPECT_EQ(why_not({.uids = {0, 1000}, .gids = {100}}), "");
  EXPECT_EQ(why_not({.uids = {0}}), "user.uid is 1000, wanted 0");
  EXPECT_EQ(why_not({.gids = {0, 1}}), "user.gid is 100, wanted 0 or 1");
}

TEST(Select, AllAnnotationKeysAndAnyOfTheirPatternsMustMatch) {
  EXPECT_EQ(why_not({.annotations = {{"team", {"db", "n?t"}}, {"tier", {"front"}}}}), "");
  EXPECT_EQ(why_not({.annotations = {{"team", {"net"}}, {"tier", {"back"}}}}),
            "annotation \"tier\" is \"front\", wanted \"back\"");
  EXPECT_EQ(why_not({.annotations = {{"zone", {"*"}}}}),
            "annotation \"zone\" is absent, wanted \"*\"");
}

TEST(Select, AllPodLabelsAndAnyOfTheirPatternsMustMatch) {
  model::Container pod = container();
  pod.identity.kubernetes_labels = {{"app", {"web", "test"}}, {"tier", {"front", "test"}}};
  EXPECT_EQ(why_not({.kubernetes_labels = {{"app", {"db", "w?b"}}, {"tier", {"front"}}}}, pod), "");
  EXPECT_EQ(why_not({.kubernetes_labels = {{"app", {"web"}}, {"tier", {"back"}}}}, pod),
            "kubernetes label \"tier\" is \"front\", wanted \"back\"");
  EXPECT_EQ(why_not({.kubernetes_labels = {{"zone", {"*"}}}}, pod),
            "kubernetes label \"zone\" is absent, wanted \"*\"");
}

TEST(Select, PodLabelIsNoAnnotation) {
  model::Container pod = container();
  pod.annotations = {{"app", "web"}, {"io.kubernetes.pod.labels", "app=web"}};
  EXPECT_EQ(why_not({.kubernetes_labels = {{"app", {"web"}}}}, pod),
            "kubernetes label \"app\" is not established, wanted \"web\"");
  pod.annotations.clear();
  pod.identity.kubernetes_labels = {{"team", {"net", "test"}}};
  EXPECT_EQ(why_not({.annotations = {{"team", {"net"}}}}, pod),
            "annotation \"team\" is absent, wanted \"net\"");
}

TEST(Select, NamespaceOfTheHost) {
  const model::Select shares_pid = {
      .namespaces = {{NamespaceKind::kPid, {Namespace::Mode::kHost, ""}}}};
  EXPECT_EQ(why_not(shares_pid), "");
  const model::Select shares_user = {
      .namespaces = {{NamespaceKind::kUser, {Namespace::Mode::kHost, ""}}}};
  EXPECT_EQ(why_not(shares_user), "namespaces.user is private, wanted host");
}

TEST(Select, NamespaceThatIsPrivate) {
  const model::Select own_user = {
      .namespaces = {{NamespaceKind::kUser, {Namespace::Mode::kPrivate, ""}}}};
  EXPECT_EQ(why_not(own_user), "");
  const model::Select own_pid = {
      .namespaces = {{NamespaceKind::kPid, {Namespace::Mode::kPrivate, ""}}}};
  EXPECT_EQ(why_not(own_pid), "namespaces.pid is host, wanted private");
}

TEST(Select, NamespaceJoinedByPathIsTheHostsIfItIsTheSame) {
  const model::Select shares_net = {
      .namespaces = {{NamespaceKind::kNet, {Namespace::Mode::kHost, ""}}}};
  const model::Select own_net = {
      .namespaces = {{NamespaceKind::kNet, {Namespace::Mode::kPrivate, ""}}}};
  EXPECT_EQ(why_not(own_net), "");
  EXPECT_EQ(why_not(shares_net), "namespaces.net is \"/run/netns/pod-1\", wanted host");
  EXPECT_EQ(why_not(shares_net, container(), host(true)), "");
  EXPECT_EQ(why_not(own_net, container(), host(true)),
            "namespaces.net is \"/run/netns/pod-1\", wanted private");
}

TEST(Select, NamespaceAtAPathIsTheSameByAnyName) {
  const auto at = [](const char* path) {
    return model::Select{.namespaces = {{NamespaceKind::kNet, {Namespace::Mode::kPath, path}}}};
  };
  EXPECT_EQ(why_not(at("/run/netns/tenant-a")), "");
  EXPECT_EQ(why_not(at("/run/netns/tenant-b")),
            "namespaces.net is \"/run/netns/pod-1\", wanted \"/run/netns/tenant-b\"");
}

TEST(Select, AnyOfTheNamespacesOfOneKindAndAllKindsMustMatch) {
  const model::NamespaceSelector other = {NamespaceKind::kNet,
                                          {Namespace::Mode::kPath, "/run/netns/other"}};
  const model::NamespaceSelector ours = {NamespaceKind::kNet,
                                         {Namespace::Mode::kPath, "/run/netns/tenant-a"}};
  const model::NamespaceSelector private_user = {NamespaceKind::kUser,
                                                 {Namespace::Mode::kPrivate, ""}};
  const model::NamespaceSelector host_user = {NamespaceKind::kUser, {Namespace::Mode::kHost, ""}};
  EXPECT_EQ(why_not({.namespaces = {other, ours, private_user}}), "");
  EXPECT_EQ(why_not({.namespaces = {other, private_user}}),
            "namespaces.net is \"/run/netns/pod-1\", wanted \"/run/netns/other\"");
  EXPECT_EQ(why_not({.namespaces = {other, ours, host_user}}),
            "namespaces.user is private, wanted host");
  EXPECT_EQ(why_not({.namespaces = {other, {NamespaceKind::kNet, {Namespace::Mode::kHost, ""}}}}),
            "namespaces.net is \"/run/netns/pod-1\", wanted \"/run/netns/other\" or host");
}

TEST(Select, AllKeysMustMatch) {
  model::Select select = {
      .engines = {Engine::kCrio}, .kubernetes_namespaces = {"web"}, .uids = {0}};
  EXPECT_EQ(why_not(select), "user.uid is 1000, wanted 0");
  select.uids = {1000};
  EXPECT_EQ(why_not(select), "");
}

// The policies below select the namespace "web"; the container is in it.
std::string why_excluded(const std::vector<model::Exclusion>& exclusions) {
  model::Policy policy;
  policy.select.kubernetes_namespaces = {"web"};
  policy.exclusions = exclusions;
  std::string reason;
  const bool selected = selects(policy, container(), host(), &reason);
  EXPECT_EQ(selected, selects(policy, container(), host(), nullptr));
  EXPECT_EQ(selected, reason.empty()) << reason;
  return reason;
}

TEST(Select, LeavesOutWhatAnyItemOfExcludeMatches) {
  const model::Exclusion agent = {{"a.yaml", 9, 7}, {.images = {"registry.example/agent:*"}}};
  const model::Exclusion app = {{"a.yaml", 10, 7}, {.images = {"registry.example/app:*"}}};
  EXPECT_EQ(why_excluded({agent}), "");
  EXPECT_EQ(why_excluded({app}), "item 1 of \"exclude\" at a.yaml:10:7 matches it");
  EXPECT_EQ(why_excluded({agent, app}), "item 2 of \"exclude\" at a.yaml:10:7 matches it");
}

TEST(Select, LeavesOutOnlyWhatAllKeysOfAnItemMatch) {
  model::Exclusion item = {{"a.yaml", 9, 7}, {.engines = {Engine::kCrio}, .uids = {0}}};
  EXPECT_EQ(why_excluded({item}), "");
  item.matching.uids = {1000};
  EXPECT_EQ(why_excluded({item}), "item 1 of \"exclude\" at a.yaml:9:7 matches it");
}

TEST(Select, LeavesNobodyOutByAKeyThatTheContainerDoesNotHave) {
  EXPECT_EQ(why_excluded({{{"a.yaml", 9, 7}, {.kubernetes_labels = {{"app", {"*"}}}}},
                          {{"a.yaml", 10, 7}, {.annotations = {{"owner", {"*"}}}}}}),
            "");
}

TEST(Select, SaysOfAKeyOfSelectBeforeItLooksAtExclude) {
  model::Policy policy;
  policy.select.kubernetes_namespaces = {"db"};
  policy.exclusions = {{{"a.yaml", 9, 7}, {.engines = {Engine::kCrio}}}};
  std::string reason;
  EXPECT_FALSE(selects(policy, container(), host(), &reason));
  EXPECT_EQ(reason, "kubernetes.namespace is \"web\", wanted \"db\"");
}

}  // namespace
}  // namespace pinscope::policy
