// Policy applied to one container. Pure: what has to be asked of the host goes through HostView.
#pragma once

#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/model/policy.h"
#include "plugin/policy/decide/host_view.h"

namespace pinscope::policy {

// The error for a container that was to have the policy `name` and is not selected by it: says why,
// or that none of `policies` has this name.
Error not_selected(const std::string& name, const std::vector<model::Policy>& policies,
                   const model::Container& container, const HostView& host);

// The union of what the selecting policies among `policies` grant, less what they deny: a denial of
// one wins over the grants of all, whether they name the pin or match it. A sandbox container and
// one that no policy selects give an empty decision.
//
// Names: `as`, or the last component of the pin; for a glob, `as` is the directory (the view's root
// if empty) below which the matches keep their path below literal_prefix(). A match that a bpffs
// cannot hold (a dot in its name) is left out with a note, and so is a glob that matches nothing,
// whatever `missing` says, and what was not looked for; what a glob matched is skipped if it is
// gone when it is opened. A match never takes the name of what is granted by its path; where grants
// want a match under one name, those that its object does not fit leave it out (matches.h).
//
// Grants of one source under one name are one: the wider access (and its rule), `fail` before
// `wait` before `skip`, followed where any of them says so, a pin and values where any of them
// gives them (showing.h); what else they say must be the same. Of view.hostBpffs and view.void the
// strictest counts; of onChange `report` before `apply`.
//
// Errors: kPolicyConflict, with both places, when policies disagree: two sources under one name, a
// name below another grant's name, another owner, mode or expectation for one pin, different
// view.at, view.values.at or layout, values in the view or above it, access: read where another
// policy says layout: bind; also a name with the component
// "_rw", which the view itself uses. kDelegation: see delegation.h and reach.h. An error of
// pins_matching is passed on.
Result<model::Decision> decide(const std::vector<model::Policy>& policies,
                               const model::Container& container, const HostView& host);

}  // namespace pinscope::policy
