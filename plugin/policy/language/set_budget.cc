#include "plugin/policy/language/set_budget.h"

#include <vector>

namespace pinscope::policy {
namespace {

using model::Pattern;
using model::Select;

uint64_t bytes_of(const std::vector<Pattern>& patterns) {
  uint64_t sum = 0;
  for (const Pattern& pattern : patterns) sum += pattern.size() + 1;
  return sum;
}

uint64_t bytes_of(const Select& select) {
  uint64_t sum = select.uids.size() + select.gids.size() + select.namespaces.size();
  for (const auto* patterns : {&select.kubernetes_namespaces, &select.kubernetes_pods,
                               &select.kubernetes_containers, &select.images, &select.bundles})
    sum += bytes_of(*patterns);
  for (const auto* pairs : {&select.kubernetes_labels, &select.annotations})
    for (const auto& [key, patterns] : *pairs) sum += key.size() + bytes_of(patterns);
  return sum;
}

uint64_t bytes_of(const model::Policy& policy) {
  uint64_t sum = bytes_of(policy.select);
  for (const auto& exclusion : policy.exclusions) sum += bytes_of(exclusion.matching);
  return sum;
}

}  // namespace

uint64_t cost_of_comparing(const model::Policy& one, const model::Policy& other) {
  constexpr uint64_t kBytesForOne = 4096;  // products of two lengths
  return 1 + bytes_of(one) * bytes_of(other) / kBytesForOne;
}

}  // namespace pinscope::policy
