#include "plugin/policy/decide/showing.h"

#include <algorithm>

#include "plugin/policy/glob.h"

namespace pinscope::policy {

using model::ValuesMode;

bool is_no_map(const model::Grant& grant) {
  return grant.access == model::Access::kUse ||
         grant.expect.kind.value_or(model::ObjectKind::kMap) != model::ObjectKind::kMap;
}

ValuesMode values_mode(const model::Policy& policy, const model::Grant& grant,
                       std::string_view name) {
  const auto& values = policy.view.values;
  if (!values) return ValuesMode::kNone;
  const bool is_named =
      values->grants.empty() || std::ranges::any_of(values->grants, [&](const auto& pattern) {
        return glob_matches(pattern, name);
      });
  const ValuesMode mode = grant.values.value_or(is_named ? values->mode : ValuesMode::kNone);
  return mode == ValuesMode::kAlso && is_no_map(grant) ? ValuesMode::kNone : mode;
}

ValuesMode certain_values_mode(const model::Policy& policy, const model::Grant& grant) {
  const auto& values = policy.view.values;
  const bool depends = values && !values->grants.empty() && !grant.values && is_glob(grant.pin);
  return depends ? ValuesMode::kNone : values_mode(policy, grant, grant.as);
}

}  // namespace pinscope::policy
