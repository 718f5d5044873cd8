#include "plugin/daemon/delegation.h"

#include <algorithm>

#include "plugin/daemon/subject.h"

namespace pinscope::daemon {
namespace {

// Whether a policy that may select a container with a user namespace does so for certain: NRI tells
// nothing reliable of the rest.
bool is_certain(const model::Policy& policy) {
  model::Policy asking;
  asking.select = policy.select;
  asking.exclusions = policy.exclusions;
  std::erase_if(asking.select.namespaces, [](const model::NamespaceSelector& selector) {
    return selector.kind == model::NamespaceKind::kUser &&
           selector.wanted.mode == model::Namespace::Mode::kPrivate;
  });
  return asks_what_is_told(asking);
}

bool has_variable(const nri::Container& container) {
  const std::string prefix = std::string(kTokenVariable) + "=";
  return std::ranges::any_of(container.env(),
                             [&](const auto& entry) { return entry.starts_with(prefix); });
}

}  // namespace

bool has_user_namespace(const nri::Container& container) {
  return std::ranges::any_of(container.linux().namespaces(),
                             [](const nri::LinuxNamespace& one) { return one.type() == "user"; });
}

std::optional<std::string> token_path(const std::vector<model::Policy>& policies,
                                      const nri::Container& container) {
  if (!has_user_namespace(container) || has_variable(container)) return std::nullopt;
  bool delegated = false;
  std::string at = model::kDefaultViewAt;
  for (const auto& policy : policies) {
    if (!is_certain(policy)) continue;
    delegated = delegated || policy.delegate.has_value();
    at = policy.view.at.value_or(at);
  }
  if (!delegated || at == model::kDefaultViewAt) return std::nullopt;
  return at;
}

}  // namespace pinscope::daemon
