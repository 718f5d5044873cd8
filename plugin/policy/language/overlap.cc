#include "plugin/policy/language/overlap.h"

#include <algorithm>
#include <cstdint>

#include "plugin/policy/glob.h"

namespace pinscope::policy {
namespace {

using model::NamespaceSelector;
using model::Pattern;
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

bool exclude_each_other(const Pattern& one, const Pattern& other) {
  return (!is_glob(one) && !glob_matches(other, one)) ||
         (!is_glob(other) && !glob_matches(one, other));
}

bool are_disjoint(const std::vector<Pattern>& some, const std::vector<Pattern>& others) {
  return !some.empty() && !others.empty() && !are_too_many(some, others) &&
         std::ranges::all_of(some, [&](const Pattern& one) {
           return std::ranges::all_of(
               others, [&](const Pattern& other) { return exclude_each_other(one, other); });
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

}  // namespace

bool covers(const Select& wide, const Select& narrow) {
  return covers_values(wide.engines, narrow.engines) &&
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
  return have_none_in_common(one.engines, other.engines) ||
         are_disjoint(one.kubernetes_namespaces, other.kubernetes_namespaces) ||
         are_disjoint(one.kubernetes_pods, other.kubernetes_pods) ||
         are_disjoint(one.kubernetes_containers, other.kubernetes_containers) ||
         contradict(one.kubernetes_labels, other.kubernetes_labels) ||
         are_disjoint(one.images, other.images) || are_disjoint(one.bundles, other.bundles) ||
         have_none_in_common(one.uids, other.uids) || have_none_in_common(one.gids, other.gids) ||
         contradict(one.annotations, other.annotations);
}

}  // namespace pinscope::policy
