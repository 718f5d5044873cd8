// may_select(): what a plugin may conclude before the hook knows the rest.
#include "plugin/policy/decide/may_select.h"

#include <gmock/gmock.h>

#include "plugin/policy/decide/decide.h"
#include "plugin/policy/decide/select.h"
#include "tests/unit/policy/set/samples.h"

namespace pinscope::policy {
namespace {

using model::Namespace;
using model::NamespaceKind;
using Mode = Namespace::Mode;

constexpr Known kAll = {
    .image = true, .bundle = true, .user = true, .annotations = true, .namespaces = true};

model::Container pod() {
  model::Container made;
  made.engine = model::Engine::kContainerd;
  made.identity.kubernetes_namespace = {{"web", "test"}};
  made.identity.kubernetes_labels = {{"app", {"web", "test"}}};
  return made;
}

// The answer for a policy with this `select` alone.
bool may(const model::Select& select, const model::Container& container, const Known& known) {
  model::Policy policy;
  policy.select = select;
  return may_select(policy, container, known);
}

// For a policy that selects every container but those that these items match.
bool may_in_spite_of(const std::vector<model::Select>& items, const model::Container& container,
                     const Known& known) {
  model::Policy policy;
  for (const auto& item : items) policy.exclusions.push_back({{}, item});
  return may_select(policy, container, known);
}

TEST(MaySelect, IsTrueForWhatIsNotKnownWhateverIsWanted) {
  const model::Select select = {.images = {"x"},
                                .bundles = {"/x"},
                                .uids = {7},
                                .gids = {7},
                                .namespaces = {{NamespaceKind::kPid, {Mode::kPrivate, ""}}},
                                .annotations = {{"a", {"b"}}}};
  EXPECT_TRUE(may(select, pod(), {}));
}

TEST(MaySelect, IsFalseAsSoonAsOneKnownPartDiffers) {
  EXPECT_FALSE(may({.images = {"x"}}, pod(), {.image = true}));
  EXPECT_FALSE(may({.bundles = {"/x"}}, pod(), {.bundle = true}));
  EXPECT_FALSE(may({.uids = {7}}, pod(), {.user = true}));
  EXPECT_FALSE(may({.gids = {7}}, pod(), {.user = true}));
  EXPECT_FALSE(may({.annotations = {{"a", {"b"}}}}, pod(), {.annotations = true}));
  EXPECT_FALSE(may({.namespaces = {{NamespaceKind::kPid, {Mode::kPrivate, ""}}}}, pod(),
                   {.namespaces = true}));
}

TEST(MaySelect, AlwaysKnowsTheEngineAndThePod) {
  EXPECT_FALSE(may({.engines = {model::Engine::kCrio}}, pod(), {}));
  EXPECT_FALSE(may({.kubernetes_namespaces = {"db"}}, pod(), {}));
  EXPECT_FALSE(may({.kubernetes_pods = {"*"}}, pod(), {})) << "absent is not there";
  EXPECT_FALSE(may({.kubernetes_labels = {{"app", {"db"}}}}, pod(), {}));
  EXPECT_FALSE(may({.kubernetes_labels = {{"tier", {"*"}}}}, pod(), {}));
  EXPECT_TRUE(may({.engines = {model::Engine::kContainerd},
                   .kubernetes_namespaces = {"w*"},
                   .kubernetes_labels = {{"app", {"web"}}}},
                  pod(), {}));
}

TEST(MaySelect, NeverKnowsWhatAPathLeadsTo) {
  const model::NamespaceSelector at_path = {NamespaceKind::kNet, {Mode::kPath, "/run/netns/a"}};
  const model::NamespaceSelector host = {NamespaceKind::kNet, {Mode::kHost, ""}};
  const model::NamespaceSelector private_user = {NamespaceKind::kUser, {Mode::kPrivate, ""}};
  model::Container joins = pod();
  joins.namespaces[static_cast<size_t>(NamespaceKind::kNet)] = {Mode::kPath, "/proc/7/ns/net"};
  EXPECT_TRUE(may({.namespaces = {at_path}}, pod(), kAll));
  EXPECT_TRUE(may({.namespaces = {host}}, joins, kAll)) << "it may be the host's";
  EXPECT_TRUE(may({.namespaces = {host, at_path}}, pod(), kAll));
  EXPECT_FALSE(may({.namespaces = {at_path, private_user}}, joins, kAll))
      << "the other kinds are known";
}

TEST(MaySelect, IsFalseForWhatIsExcludedByKnownKeysAlone) {
  const model::Select web = {.kubernetes_namespaces = {"web"}};
  const model::Select db = {.kubernetes_namespaces = {"db"}};
  EXPECT_FALSE(may_in_spite_of({web}, pod(), {}));
  EXPECT_FALSE(may_in_spite_of({db, web}, pod(), {})) << "any item is enough";
  EXPECT_TRUE(may_in_spite_of({db}, pod(), {}));
  EXPECT_FALSE(may_in_spite_of({{.kubernetes_labels = {{"app", {"web"}}}}}, pod(), {}));
}

TEST(MaySelect, IsTrueWhereAnItemOfExcludeHasAKeyThatIsNotKnown) {
  model::Container container = pod();
  container.identity.image = {{"agent", "test"}};
  container.bundle = "/x";
  container.uid = 7;
  container.gid = 8;
  container.annotations = {{"a", "b"}};
  const std::vector<std::pair<model::Select, Known>> items = {
      {{.images = {"agent"}}, {.image = true}},
      {{.bundles = {"/x"}}, {.bundle = true}},
      {{.uids = {7}}, {.user = true}},
      {{.gids = {8}}, {.user = true}},
      {{.annotations = {{"a", {"b"}}}}, {.annotations = true}},
      {{.namespaces = {{NamespaceKind::kPid, {Mode::kHost, ""}}}}, {.namespaces = true}}};
  for (auto [item, known] : items) {
    EXPECT_TRUE(may_in_spite_of({item}, container, {}));
    EXPECT_FALSE(may_in_spite_of({item}, container, known));
    item.kubernetes_namespaces = {"web"};
    EXPECT_TRUE(may_in_spite_of({item}, container, {})) << "one key of two is known";
    EXPECT_FALSE(may_in_spite_of({item}, container, known));
  }
}

TEST(MaySelect, IsTrueWhereAnItemOfExcludeDependsOnWhatAPathLeadsTo) {
  const model::NamespaceSelector at_path = {NamespaceKind::kNet, {Mode::kPath, "/run/netns/a"}};
  const model::NamespaceSelector host = {NamespaceKind::kNet, {Mode::kHost, ""}};
  const model::NamespaceSelector own = {NamespaceKind::kNet, {Mode::kPrivate, ""}};
  model::Container joins = pod();
  joins.namespaces[static_cast<size_t>(NamespaceKind::kNet)] = {Mode::kPath, "/proc/7/ns/net"};
  EXPECT_TRUE(may_in_spite_of({{.namespaces = {own}}}, joins, kAll)) << "it may be the host's";
  EXPECT_TRUE(may_in_spite_of({{.namespaces = {host}}}, joins, kAll));
  EXPECT_TRUE(may_in_spite_of({{.namespaces = {at_path, host}}}, pod(), kAll));
  EXPECT_FALSE(may_in_spite_of({{.namespaces = {host}}}, pod(), kAll));
}

// Whoever knows everything is right; whoever knows less never says no where selects() says yes.
TEST(MaySelect, NeverMissesAContainerThatIsSelected) {
  Random random(7);
  const auto host = host_without_pins();
  size_t selected = 0;
  size_t ruled_out = 0;
  for (uint32_t i = 0; i < 20000; ++i) {
    const auto policy = random.policy(i);
    const auto container = random.container();
    const Known known = {.image = random.one_in(2),
                         .bundle = random.one_in(2),
                         .user = random.one_in(2),
                         .annotations = random.one_in(2),
                         .namespaces = random.one_in(2)};
    const bool selects_it = selects(policy, container, host, nullptr);
    const bool may = may_select(policy, container, known);
    selected += selects_it ? 1 : 0;
    ruled_out += may ? 0 : 1;
    ASSERT_TRUE(may || !selects_it) << i;
  }
  EXPECT_GT(selected, 100U);
  EXPECT_GT(ruled_out, 1000U);
}

TEST(LabelKeys, AreThoseThatPoliciesNameEachOnce) {
  model::Policy first;
  first.select.kubernetes_labels = {{"tier", {"a"}}, {"app", {"web"}}};
  model::Policy second;
  second.select.kubernetes_labels = {{"app", {"db"}}};
  second.select.annotations = {{"team", {"net"}}};
  second.exclusions = {{{}, {.kubernetes_labels = {{"role", {"agent"}}}}}};
  EXPECT_THAT(label_keys({first, model::Policy(), second}),
              testing::ElementsAre("app", "role", "tier"));
  EXPECT_THAT(label_keys({}), testing::IsEmpty());
}

}  // namespace
}  // namespace pinscope::policy
