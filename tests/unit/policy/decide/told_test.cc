#include "plugin/policy/decide/told.h"

#include "tests/unit/policy/decide/deciding.h"

namespace pinscope::policy {
namespace {

using Selection = Judgement::Selection;

model::Container pod() {
  model::Container container;
  container.engine = model::Engine::kContainerd;
  container.identity.kubernetes_namespace = model::Fact{"web", "test"};
  return container;
}

Judgement judged(const model::Policy& policy, const model::Container& container,
                 const Told& told = {}) {
  return judge(policy, container, told, FakeHost{}.view());
}

TEST(Told, SelectsWhereEveryKeyIsToldAndMatches) {
  model::Policy policy;
  policy.select = {.engines = {model::Engine::kContainerd}, .kubernetes_namespaces = {"w*"}};
  const auto judgement = judged(policy, pod());
  EXPECT_EQ(judgement.selection, Selection::kSelects);
  EXPECT_EQ(judgement.why, "");
}

// 0 and the host's namespace stand in the container for what nobody told.
TEST(Told, NeverTakesWhatIsNotToldForAValue) {
  model::Policy policy;
  policy.select = {.uids = {0}};
  policy.select.namespaces = {{model::NamespaceKind::kNet, {model::Namespace::Mode::kHost, ""}}};
  const auto judgement = judged(policy, pod());
  EXPECT_EQ(judgement.selection, Selection::kDepends);
  EXPECT_EQ(judgement.why, "user.uid, namespaces.net");
  Told told{.uid = true};
  told.namespaces[static_cast<size_t>(model::NamespaceKind::kNet)] = true;
  EXPECT_EQ(judged(policy, pod(), told).selection, Selection::kSelects);
}

TEST(Told, NamesEachKeyOfSelectThatIsNotTold) {
  model::Policy policy;
  policy.select = {.engines = {model::Engine::kPodman},
                   .kubernetes_namespaces = {"*"},
                   .kubernetes_pods = {"*"},
                   .kubernetes_containers = {"*"},
                   .kubernetes_labels = {{"app", {"a"}}},
                   .images = {"*"},
                   .bundles = {"/**"},
                   .uids = {0},
                   .gids = {0},
                   .namespaces = {{model::NamespaceKind::kPid, {}}},
                   .annotations = {{"key", {"*"}}}};
  EXPECT_EQ(judged(policy, {}).why,
            "engine, kubernetes.namespace, kubernetes.pod, kubernetes.container, kubernetes label "
            "\"app\", image, bundle, user.uid, user.gid, namespaces.pid, annotation \"key\"");
}

TEST(Told, DoesNotSelectWhereOneKeyThatIsToldDiffers) {
  model::Policy policy;
  policy.select = {.kubernetes_namespaces = {"db"}, .uids = {0}};
  const auto judgement = judged(policy, pod());
  EXPECT_EQ(judgement.selection, Selection::kDoesNot);
  EXPECT_EQ(judgement.why, "kubernetes.namespace is \"web\", wanted \"db\"");
}

TEST(Told, DependsOnAnExclusionThatMayMatch) {
  model::Policy policy;
  policy.exclusions = {{{"a.yaml", 1, 2}, {.uids = {0}}},
                       {{"a.yaml", 3, 4}, {.kubernetes_namespaces = {"db"}, .gids = {0}}}};
  const auto judgement = judged(policy, pod());
  EXPECT_EQ(judgement.selection, Selection::kDepends);
  EXPECT_EQ(judgement.why, "user.uid") << "the second item cannot match";
}

TEST(Told, IsLeftOutByAnExclusionThatMatches) {
  model::Policy policy;
  policy.exclusions = {{{"a.yaml", 1, 2}, {.uids = {0}}},
                       {{"a.yaml", 3, 4}, {.kubernetes_namespaces = {"web"}}}};
  const auto judgement = judged(policy, pod());
  EXPECT_EQ(judgement.selection, Selection::kDoesNot);
  EXPECT_EQ(judgement.why, "item 2 of \"exclude\" at a.yaml:3:4 matches it");
}

TEST(Told, KnowsFactsToBeAbsentWhereTheEngineEstablishesNone) {
  model::Container container;
  container.engine = model::Engine::kPodman;
  model::Policy policy;
  policy.select = {.images = {"*"}};
  const auto judgement = judged(policy, container, {.no_facts = true});
  EXPECT_EQ(judgement.selection, Selection::kDoesNot);
  EXPECT_EQ(judgement.why, "image is not established by this engine, wanted \"*\"");
}

// An engine that is not told may be one that establishes no image.
TEST(Told, DependsOnTheEngineWhereAFactIsToldWithoutIt) {
  model::Container container;
  container.identity.image = model::Fact{"x", "test"};
  model::Policy policy;
  policy.select = {.images = {"x"}};
  const auto judgement = judged(policy, container);
  EXPECT_EQ(judgement.selection, Selection::kDepends);
  EXPECT_EQ(judgement.why, "engine");
}

}  // namespace
}  // namespace pinscope::policy
