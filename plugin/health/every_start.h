// Policies that refuse every start, whatever the container is: those that select every container,
// or the same ones, and disagree; and a pin that every container is to have and that is not there.
#pragma once

#include <vector>

#include "plugin/model/finding.h"
#include "plugin/model/policy.h"

namespace pinscope::health {

// Whether the policy is for every container: an empty `select`, and nothing excluded.
bool selects_everything(const model::Policy& policy);

// Looks at the pins that are granted by their path to every container; changes the working
// directory.
model::Finding check_every_start(const std::vector<model::Policy>& policies);

}  // namespace pinscope::health
