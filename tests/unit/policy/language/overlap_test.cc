// covers() and are_disjoint(): what two `select`s certainly have in common.
#include "plugin/policy/language/overlap.h"

#include <gtest/gtest.h>

#include "plugin/policy/decide/decide.h"
#include "plugin/policy/decide/select.h"
#include "tests/unit/policy/set/samples.h"

namespace pinscope::policy {
namespace {

using model::Engine;
using model::NamespaceKind;
using model::Select;
using Mode = model::Namespace::Mode;

TEST(Overlap, WithoutKeysCoversEverything) {
  EXPECT_TRUE(covers(Select(), Select()));
  EXPECT_TRUE(covers(Select(), full_select()));
  EXPECT_FALSE(covers(full_select(), Select()));
  EXPECT_TRUE(covers(full_select(), full_select()));
}

TEST(Overlap, CoversWhatHasAllItsValuesAndMoreKeys) {
  const Select narrow = {.engines = {Engine::kPodman}, .images = {"a:1", "b:*"}, .uids = {1}};
  EXPECT_TRUE(covers({.engines = {Engine::kDocker, Engine::kPodman}}, narrow));
  EXPECT_FALSE(covers({.engines = {Engine::kDocker}}, narrow));
  EXPECT_TRUE(covers({.images = {"a:*", "b:*"}}, narrow));
  EXPECT_FALSE(covers({.images = {"a:*"}}, narrow)) << "not every b";
  EXPECT_TRUE(covers({.images = {"**"}, .uids = {1, 2}}, narrow));
  EXPECT_FALSE(covers({.uids = {2}}, narrow));
  EXPECT_FALSE(covers({.kubernetes_pods = {"**"}}, narrow)) << "a container may have no pod";
  EXPECT_TRUE(covers({.bundles = {"/**"}}, narrow)) << "every container has a bundle";
  EXPECT_TRUE(covers({.annotations = {{"a", {"b*"}}}}, {.annotations = {{"a", {"b1", "b2"}}}}));
  EXPECT_FALSE(covers({.annotations = {{"a", {"b*"}}}}, {.annotations = {{"c", {"b1"}}}}));
  const model::NamespaceSelector host = {NamespaceKind::kNet, {Mode::kHost, ""}};
  const model::NamespaceSelector own = {NamespaceKind::kNet, {Mode::kPrivate, ""}};
  EXPECT_TRUE(covers({.namespaces = {host, own}}, {.namespaces = {own}}));
  EXPECT_FALSE(covers({.namespaces = {own}}, {.namespaces = {host, own}}));
}

TEST(Overlap, IsDisjointWhereOneKeyContradicts) {
  EXPECT_FALSE(are_disjoint(Select(), full_select()));
  EXPECT_TRUE(are_disjoint({.engines = {Engine::kPodman}}, {.engines = {Engine::kDocker}}));
  EXPECT_TRUE(are_disjoint({.kubernetes_pods = {"a", "b"}}, {.kubernetes_pods = {"c*"}}));
  EXPECT_FALSE(are_disjoint({.kubernetes_pods = {"a*"}}, {.kubernetes_pods = {"*c"}}));
  EXPECT_TRUE(are_disjoint({.kubernetes_labels = {{"app", {"a"}}}},
                           {.kubernetes_labels = {{"app", {"b"}}}}));
  EXPECT_FALSE(are_disjoint({.kubernetes_labels = {{"app", {"a"}}}},
                            {.kubernetes_labels = {{"tier", {"b"}}}}));
  EXPECT_TRUE(are_disjoint({.gids = {1}}, {.gids = {2}}));
}

// The text of a `select` is asked, and then a container.
TEST(Overlap, IsNeverMoreCertainThanContainersAllow) {
  Random random(11);
  const auto host = host_without_pins();
  size_t covered = 0;
  size_t disjoint = 0;
  for (uint32_t i = 0; i < 40000; ++i) {
    const Select one = random.select();
    const Select other = random.one_in(3) ? one : random.select();
    const bool covers_it = covers(one, other);
    const bool is_disjoint = are_disjoint(one, other);
    covered += covers_it ? 1 : 0;
    disjoint += is_disjoint ? 1 : 0;
    for (int j = 0; j < 4; ++j) {
      const auto container = random.container();
      const bool matches_one = matches(one, container, host, nullptr);
      const bool matches_other = matches(other, container, host, nullptr);
      ASSERT_FALSE(covers_it && matches_other && !matches_one) << i;
      ASSERT_FALSE(is_disjoint && matches_one && matches_other) << i;
    }
  }
  EXPECT_GT(covered, 1000U);
  EXPECT_GT(disjoint, 1000U);
}

TEST(Overlap, OfPoliciesKnowsWhichEnginesEstablishAKey) {
  EXPECT_TRUE(are_disjoint({.engines = {Engine::kPodman}}, {.kubernetes_namespaces = {"*"}}));
  EXPECT_TRUE(are_disjoint({.engines = {Engine::kHost}}, {.bundles = {"/run/**"}}));
  EXPECT_TRUE(covers({.engines = {Engine::kCrio, Engine::kContainerd}}, {.images = {"a"}}));
  EXPECT_FALSE(are_disjoint({.engines = {Engine::kPodman}}, {.bundles = {"/run/**"}}));
  EXPECT_FALSE(covers({.engines = {Engine::kCrio}}, {.images = {"a"}}));
}

TEST(Overlap, OfPoliciesKnowsTheirExceptions) {
  const auto policy = [](Select select, std::vector<Select> exclusions) {
    model::Policy made;
    made.select = std::move(select);
    for (auto& matching : exclusions) made.exclusions.push_back({{}, std::move(matching)});
    return made;
  };
  const Select web = {.kubernetes_namespaces = {"web"}};
  const Select web_pods = {.kubernetes_namespaces = {"web"}, .kubernetes_pods = {"a"}};
  EXPECT_TRUE(may_both_select(policy({}, {}), policy(web, {})));
  EXPECT_FALSE(may_both_select(policy({}, {web}), policy(web_pods, {})));
  EXPECT_FALSE(may_both_select(policy(web_pods, {}), policy({}, {web})));
  EXPECT_TRUE(may_both_select(policy({}, {web_pods}), policy(web, {})));
  EXPECT_TRUE(selects_all_of(policy({}, {}), policy(web, {})));
  EXPECT_FALSE(selects_all_of(policy({}, {web_pods}), policy(web, {})));
  EXPECT_TRUE(selects_all_of(policy({}, {web_pods}), policy(web, {web_pods})));
  EXPECT_TRUE(selects_all_of(policy({}, {{.engines = {Engine::kPodman}}}), policy(web, {})));
}

// The text of two policies is asked, and then a container.
TEST(Overlap, OfPoliciesIsNeverMoreCertainThanContainersAllow) {
  Random random(12);
  const auto host = host_without_pins();
  size_t all_of = 0;
  size_t never = 0;
  for (uint32_t i = 0; i < 40000; ++i) {
    const auto one = random.policy(i);
    auto other = random.policy(i);
    if (random.one_in(3)) other.select = one.select;
    const bool is_all_of = selects_all_of(one, other);
    const bool may_both = may_both_select(one, other);
    all_of += is_all_of ? 1 : 0;
    never += may_both ? 0 : 1;
    for (int j = 0; j < 4; ++j) {
      const auto container = random.container();
      const bool by_one = selects(one, container, host, nullptr);
      const bool by_other = selects(other, container, host, nullptr);
      ASSERT_FALSE(is_all_of && by_other && !by_one) << i;
      ASSERT_FALSE(!may_both && by_one && by_other) << i;
    }
  }
  EXPECT_GT(all_of, 1000U);
  EXPECT_GT(never, 1000U);
}

}  // namespace
}  // namespace pinscope::policy
