#include "plugin/policy/language/candidates.h"

#include <algorithm>

#include "plugin/policy/glob.h"

namespace pinscope::policy {
namespace {

using model::Pattern;
using model::Select;

struct ExactKey {
  std::string name;
  std::vector<std::string> values;
};

// Those that tell most policies apart come first.
std::vector<ExactKey> exact_keys(const Select& select) {
  std::vector<ExactKey> keys;
  const auto add = [&](std::string name, const std::vector<Pattern>& patterns) {
    if (!patterns.empty() && std::ranges::none_of(patterns, is_glob))
      keys.push_back({std::move(name), patterns});
  };
  add("namespace", select.kubernetes_namespaces);
  add("bundle", select.bundles);
  add("image", select.images);
  add("pod", select.kubernetes_pods);
  add("container", select.kubernetes_containers);
  for (const auto& [label, patterns] : select.kubernetes_labels) add("label " + label, patterns);
  for (const auto& [name, patterns] : select.annotations) add("annotation " + name, patterns);
  const auto add_numbers = [&](const char* name, const std::vector<uint32_t>& numbers) {
    if (numbers.empty()) return;
    keys.push_back({name, {}});
    for (const uint32_t number : numbers) keys.back().values.push_back(std::to_string(number));
  };
  add_numbers("uid", select.uids);
  add_numbers("gid", select.gids);
  return keys;
}

}  // namespace

Candidates::Candidates(const std::vector<const model::Policy*>& policies) {
  for (uint32_t position = 0; position < policies.size(); ++position) {
    const auto keys = exact_keys(policies[position]->select);
    if (keys.empty()) {
      without_key_.push_back(position);
      continue;
    }
    Filed& filed = by_key_[keys.front().name];
    filed.all.push_back(position);
    for (const auto& value : keys.front().values) filed.by_value[value].push_back(position);
  }
}

std::vector<uint32_t> Candidates::of(const model::Policy& policy) const {
  Positions found = without_key_;
  const auto add = [&](const Positions& more) {
    found.insert(found.end(), more.begin(), more.end());
  };
  const auto keys = exact_keys(policy.select);
  for (const auto& [name, filed] : by_key_) {
    const auto own = std::ranges::find(keys, name, &ExactKey::name);
    if (own == keys.end()) {
      add(filed.all);
      continue;
    }
    for (const auto& value : own->values)
      if (const auto same = filed.by_value.find(value); same != filed.by_value.end())
        add(same->second);
  }
  if (!std::ranges::is_sorted(found)) std::ranges::sort(found);
  found.erase(std::ranges::unique(found).begin(), found.end());
  return found;
}

}  // namespace pinscope::policy
