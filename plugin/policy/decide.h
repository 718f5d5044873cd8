// Policy applied to one container. Pure: what has to be asked of the host goes through HostView.
#pragma once

#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/model/policy.h"

namespace pinscope::policy {

// Whether every key of `select` matches the container. Keys that need an identity fact which this
// engine does not establish do not match. `why_not` (may be null) receives the first key that did
// not match, for explain: `kubernetes.namespace is "web", wanted "db-*"`.
bool selects(const model::Select& select, const model::Container& container,
             const model::HostView& host, std::string* why_not);

// The union of what the selecting policies among `policies` grant, less what they deny. Errors:
// kPolicyConflict when two of them disagree (two sources under one name, a name below another
// grant's name, different view.at or layout), with both places in the text. A sandbox container and
// one that no policy selects give an empty decision.
Result<model::Decision> decide(const std::vector<model::Policy>& policies,
                               const model::Container& container, const model::HostView& host);

}  // namespace pinscope::policy
