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

TEST(MaySelect, IsTrueForWhatIsNotKnownWhateverIsWanted) {
  const model::Select select = {.images = {"x"},
                                .bundles = {"/x"},
                                .uids = {7},
                                .gids = {7},
                                .namespaces = {{NamespaceKind::kPid, {Mode::kPrivate, ""}}},
                                .annotations = {{"a", {"b"}}}};
  EXPECT_TRUE(may_select(select, pod(), {}));
}

TEST(MaySelect, IsFalseAsSoonAsOneKnownPartDiffers) {
  EXPECT_FALSE(may_select({.images = {"x"}}, pod(), {.image = true}));
  EXPECT_FALSE(may_select({.bundles = {"/x"}}, pod(), {.bundle = true}));
  EXPECT_FALSE(may_select({.uids = {7}}, pod(), {.user = true}));
  EXPECT_FALSE(may_select({.gids = {7}}, pod(), {.user = true}));
  EXPECT_FALSE(may_select({.annotations = {{"a", {"b"}}}}, pod(), {.annotations = true}));
  EXPECT_FALSE(may_select({.namespaces = {{NamespaceKind::kPid, {Mode::kPrivate, ""}}}}, pod(),
                          {.namespaces = true}));
}

TEST(MaySelect, AlwaysKnowsTheEngineAndThePod) {
  EXPECT_FALSE(may_select({.engines = {model::Engine::kCrio}}, pod(), {}));
  EXPECT_FALSE(may_select({.kubernetes_namespaces = {"db"}}, pod(), {}));
  EXPECT_FALSE(may_select({.kubernetes_pods = {"*"}}, pod(), {})) << "absent is not there";
  EXPECT_FALSE(may_select({.kubernetes_labels = {{"app", {"db"}}}}, pod(), {}));
  EXPECT_FALSE(may_select({.kubernetes_labels = {{"tier", {"*"}}}}, pod(), {}));
  EXPECT_TRUE(may_select({.engines = {model::Engine::kContainerd},
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
  EXPECT_TRUE(may_select({.namespaces = {at_path}}, pod(), kAll));
  EXPECT_TRUE(may_select({.namespaces = {host}}, joins, kAll)) << "it may be the host's";
  EXPECT_TRUE(may_select({.namespaces = {host, at_path}}, pod(), kAll));
  EXPECT_FALSE(may_select({.namespaces = {at_path, private_user}}, joins, kAll))
      << "the other kinds are known";
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
    const bool selects_it = selects(policy.select, container, host, nullptr);
    const bool may = may_select(policy.select, container, known);
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
  EXPECT_THAT(label_keys({first, model::Policy(), second}), testing::ElementsAre("app", "tier"));
  EXPECT_THAT(label_keys({}), testing::IsEmpty());
}

}  // namespace
}  // namespace pinscope::policy
