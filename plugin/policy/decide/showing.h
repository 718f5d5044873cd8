// Which grants of a policy show their values, and how: what view.values and the grant's own word
// come to.
#pragma once

#include <string_view>

#include "plugin/model/policy.h"

namespace pinscope::policy {

// Whether the object can be no map, by its access or by what is expected of it: it has no values.
bool is_no_map(const model::Grant& grant);

// For the grant of a policy under this name in the view. kNone without view.values; of what can be
// no map, kOnly stays: who asks for it is refused.
model::ValuesMode values_mode(const model::Policy& policy, const model::Grant& grant,
                              std::string_view name);

// The same under any name that the grant may give: kNone where view.values.grants may name some of
// what a glob matches and not the rest.
model::ValuesMode certain_values_mode(const model::Policy& policy, const model::Grant& grant);

}  // namespace pinscope::policy
