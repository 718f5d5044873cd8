#include "plugin/policy/decide/may_select.h"

#include <algorithm>

#include "plugin/policy/decide/decide.h"
#include "plugin/policy/decide/select.h"

namespace pinscope::policy {
namespace {

using Mode = model::Namespace::Mode;

// Whether the answer for a kind of namespace depends on what is at a path.
bool needs_a_look(const model::NamespaceSelector& selector, const model::Container& container) {
  return selector.wanted.mode == Mode::kPath ||
         namespace_of(container, selector.kind).mode == Mode::kPath;
}

// The keys of `select` whose answer is known. The others are absent, so they match everything.
model::Select known_part(const model::Select& select, const model::Container& container,
                         const Known& known) {
  model::Select decidable = select;
  if (!known.image) decidable.images.clear();
  if (!known.bundle) decidable.bundles.clear();
  if (!known.user) {
    decidable.uids.clear();
    decidable.gids.clear();
  }
  if (!known.annotations) decidable.annotations.clear();
  // Selectors of one kind are alternatives: one that cannot be told leaves the whole kind open.
  std::erase_if(decidable.namespaces, [&](const model::NamespaceSelector& selector) {
    return !known.namespaces ||
           std::ranges::any_of(select.namespaces, [&](const model::NamespaceSelector& other) {
             return other.kind == selector.kind && needs_a_look(other, container);
           });
  });
  return decidable;
}

}  // namespace

bool may_select(const model::Policy& policy, const model::Container& container,
                const Known& known) {
  const HostView nothing_to_look_at{
      [](const model::Container&, model::NamespaceKind, const std::string&) { return false; },
      nullptr};
  if (!matches(known_part(policy.select, container, known), container, nothing_to_look_at, nullptr))
    return false;
  // An item with a key that cannot be told may turn out not to match.
  return std::ranges::none_of(policy.exclusions, [&](const model::Exclusion& exclusion) {
    return known_part(exclusion.matching, container, known) == exclusion.matching &&
           matches(exclusion.matching, container, nothing_to_look_at, nullptr);
  });
}

std::vector<std::string> label_keys(const std::vector<model::Policy>& policies) {
  std::vector<std::string> keys;
  const auto add = [&](const model::Select& select) {
    for (const auto& [key, patterns] : select.kubernetes_labels) keys.push_back(key);
  };
  for (const auto& policy : policies) {
    add(policy.select);
    for (const auto& exclusion : policy.exclusions) add(exclusion.matching);
  }
  std::ranges::sort(keys);
  keys.erase(std::ranges::unique(keys).begin(), keys.end());
  return keys;
}

}  // namespace pinscope::policy
