#include "plugin/policy/language/overlap.h"

#include <algorithm>
#include <cstdint>
#include <functional>

#include "plugin/policy/glob.h"
#include "plugin/policy/language/glob_overlap.h"

namespace pinscope::policy {
namespace {

using model::Engine;
using model::NamespaceSelector;
using model::Pattern;
using model::Policy;
using model::Select;

using KeysAndPatterns = std::vector<std::pair<std::string, std::vector<Pattern>>>;

// Comparing the texts of all pairs would take too long: nobody writes so many by hand.
bool are_too_many(const std::vector<Pattern>& some, const std::vector<Pattern>& others) {
  constexpr uint64_t kMaxPairsOfBytes = 100'000'000;
  const auto bytes = [](const std::vector<Pattern>& patterns) {
    uint64_t sum = 0;
    for (const Pattern& pattern : patterns) sum += pattern.size() + 1;
    return sum;
  };
  return bytes(some) * bytes(others) > kMaxPairsOfBytes;
}

template <typename T>
bool are_too_many(const std::vector<T>& some, const std::vector<T>& others) {
  constexpr uint64_t kMaxPairs = 10'000'000;
  return uint64_t{some.size()} * others.size() > kMaxPairs;
}

bool is_covered(const Pattern& narrow, const std::vector<Pattern>& wide) {
  return std::ranges::any_of(wide, [&](const Pattern& pattern) {
    return pattern == "**" || pattern == narrow ||
           (!is_glob(narrow) && glob_matches(pattern, narrow));
  });
}

bool covers(const std::vector<Pattern>& wide, const std::vector<Pattern>& narrow) {
  return wide.empty() || (!narrow.empty() && !are_too_many(wide, narrow) &&
                          std::ranges::all_of(narrow, [&](const Pattern& pattern) {
                            return is_covered(pattern, wide);
                          }));
}

// Every container has a bundle, at an absolute path.
bool covers_bundles(const std::vector<Pattern>& wide, const std::vector<Pattern>& narrow) {
  return covers(wide, narrow) || std::ranges::any_of(wide, [](const Pattern& pattern) {
           return pattern == "**" || pattern == "/**";
         });
}

template <typename T>
bool covers_values(const std::vector<T>& wide, const std::vector<T>& narrow) {
  return wide.empty() || (!narrow.empty() && !are_too_many(wide, narrow) &&
                          std::ranges::all_of(narrow, [&](const T& value) {
                            return std::ranges::find(wide, value) != wide.end();
                          }));
}

// Of labels or annotations.
bool covers_pairs(const KeysAndPatterns& wide, const KeysAndPatterns& narrow) {
  return !are_too_many(wide, narrow) && std::ranges::all_of(wide, [&](const auto& entry) {
    return std::ranges::any_of(narrow, [&](const auto& other) {
      return other.first == entry.first && covers(entry.second, other.second);
    });
  });
}

// Selectors of one kind are alternatives.
bool covers_namespaces(const std::vector<NamespaceSelector>& wide,
                       const std::vector<NamespaceSelector>& narrow) {
  return std::ranges::all_of(wide, [&](const NamespaceSelector& selector) {
    const auto is_of_kind = [&](const NamespaceSelector& other) {
      return other.kind == selector.kind;
    };
    return std::ranges::any_of(narrow, is_of_kind) &&
           std::ranges::all_of(narrow, [&](const NamespaceSelector& other) {
             return !is_of_kind(other) || std::ranges::find(wide, other) != wide.end();
           });
  });
}

bool are_disjoint(const std::vector<Pattern>& some, const std::vector<Pattern>& others) {
  return !some.empty() && !others.empty() && !are_too_many(some, others) &&
         std::ranges::all_of(some, [&](const Pattern& one) {
           return std::ranges::all_of(
               others, [&](const Pattern& other) { return !may_match_one_text(one, other); });
         });
}

template <typename T>
bool have_none_in_common(const std::vector<T>& some, const std::vector<T>& others) {
  return !some.empty() && !others.empty() && !are_too_many(some, others) &&
         std::ranges::none_of(some, [&](const T& value) {
           return std::ranges::find(others, value) != others.end();
         });
}

bool contradict(const KeysAndPatterns& some, const KeysAndPatterns& others) {
  return !are_too_many(some, others) && std::ranges::any_of(some, [&](const auto& one) {
    return std::ranges::any_of(others, [&](const auto& other) {
      return one.first == other.first && are_disjoint(one.second, other.second);
    });
  });
}

// Whether only containers have what it asks for; sessions of the host have no bundle.
bool needs_a_bundle(const Select& select) {
  return !select.bundles.empty() &&
         std::ranges::none_of(select.bundles,
                              [](const Pattern& pattern) { return glob_matches(pattern, ""); });
}

// The engines whose containers it can match; none: any.
std::vector<Engine> possible_engines(const Select& select) {
  const bool needs_a_pod = !select.kubernetes_namespaces.empty() ||
                           !select.kubernetes_pods.empty() ||
                           !select.kubernetes_containers.empty() || !select.images.empty();
  const bool needs_bundle = needs_a_bundle(select);
  if (!needs_a_pod && !needs_bundle) return select.engines;
  std::vector<Engine> engines = select.engines;
  if (engines.empty()) {
    // Of containers whose engine is not known a bundle is known all the same.
    if (!needs_a_pod)
      return {Engine::kUnknown, Engine::kPodman, Engine::kDocker, Engine::kContainerd,
              Engine::kCrio};
    return {Engine::kContainerd, Engine::kCrio};
  }
  std::erase_if(engines, [&](Engine engine) {
    const bool speaks_to_the_kubelet = engine == Engine::kContainerd || engine == Engine::kCrio;
    return engine == Engine::kHost || (needs_a_pod && !speaks_to_the_kubelet);
  });
  // What no container has: as good as the engines that it names.
  return engines.empty() ? select.engines : engines;
}

}  // namespace

bool covers(const Select& wide, const Select& narrow) {
  return covers_values(wide.engines, possible_engines(narrow)) &&
         covers(wide.kubernetes_namespaces, narrow.kubernetes_namespaces) &&
         covers(wide.kubernetes_pods, narrow.kubernetes_pods) &&
         covers(wide.kubernetes_containers, narrow.kubernetes_containers) &&
         covers_pairs(wide.kubernetes_labels, narrow.kubernetes_labels) &&
         covers(wide.images, narrow.images) && covers_bundles(wide.bundles, narrow.bundles) &&
         covers_values(wide.uids, narrow.uids) && covers_values(wide.gids, narrow.gids) &&
         covers_namespaces(wide.namespaces, narrow.namespaces) &&
         covers_pairs(wide.annotations, narrow.annotations);
}

bool are_disjoint(const Select& one, const Select& other) {
  return have_none_in_common(possible_engines(one), possible_engines(other)) ||
         are_disjoint(one.kubernetes_namespaces, other.kubernetes_namespaces) ||
         are_disjoint(one.kubernetes_pods, other.kubernetes_pods) ||
         are_disjoint(one.kubernetes_containers, other.kubernetes_containers) ||
         contradict(one.kubernetes_labels, other.kubernetes_labels) ||
         are_disjoint(one.images, other.images) || are_disjoint(one.bundles, other.bundles) ||
         have_none_in_common(one.uids, other.uids) || have_none_in_common(one.gids, other.gids) ||
         contradict(one.annotations, other.annotations);
}

bool may_both_select(const Policy& one, const Policy& other) {
  const auto leaves_out = [](const Policy& policy, const Select& all) {
    return std::ranges::any_of(policy.exclusions, [&](const model::Exclusion& exclusion) {
      return covers(exclusion.matching, all);
    });
  };
  return !are_disjoint(one.select, other.select) && !leaves_out(one, other.select) &&
         !leaves_out(other, one.select);
}

bool have_a_key_in_common(const Select& one, const Select& other) {
  const auto both = [&](const auto& key) {
    return !std::invoke(key, one).empty() && !std::invoke(key, other).empty();
  };
  const auto both_name_one_of = [](const auto& some, const auto& others, const auto& name) {
    return std::ranges::any_of(some, [&](const auto& entry) {
      return std::ranges::find(others, std::invoke(name, entry), name) != others.end();
    });
  };
  using Pair = KeysAndPatterns::value_type;
  return both(&Select::kubernetes_namespaces) || both(&Select::kubernetes_pods) ||
         both(&Select::kubernetes_containers) || both(&Select::images) || both(&Select::bundles) ||
         both(&Select::uids) || both(&Select::gids) ||
         both_name_one_of(one.namespaces, other.namespaces, &NamespaceSelector::kind) ||
         both_name_one_of(one.kubernetes_labels, other.kubernetes_labels, &Pair::first) ||
         both_name_one_of(one.annotations, other.annotations, &Pair::first);
}

bool selects_all_of(const Policy& wide, const Policy& narrow) {
  // An exception is of no account where the other policy makes it as well, or has no such
  // container.
  const auto is_void = [&](const model::Exclusion& exclusion) {
    return are_disjoint(exclusion.matching, narrow.select) ||
           std::ranges::any_of(narrow.exclusions, [&](const model::Exclusion& other) {
             return covers(other.matching, exclusion.matching);
           });
  };
  return covers(wide.select, narrow.select) && std::ranges::all_of(wide.exclusions, is_void);
}

}  // namespace pinscope::policy
