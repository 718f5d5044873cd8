// What several policies delegate to one container, put together and judged. Used by decide.cc, and
// by check_delegate.cc for what one policy alone shows.
#pragma once

#include <optional>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/model/policy.h"
#include "plugin/policy/decide/host_view.h"

namespace pinscope::policy {

// The union of what the policies delegate; nothing if none does. kPolicyConflict if they disagree
// about grantsAt.
Result<std::optional<model::Delegation>> merge_delegations(
    const std::vector<const model::Policy*>& policies);

// Whether this container may have it, beside the grants of `decision`. kDelegation, with the
// reason: it has no user namespace, or a grant with access: read would not hold. What its programs
// would reach is judged in reach.h. kPolicyConflict where the bpffs and the grants
// would be in each other's way.
Status check_delegation(const model::Decision& decision, const model::Container& container,
                        const HostView& host);

// The error that says that this cannot be delegated, with the rules that delegate it.
Error cannot_delegate(const model::Delegation& delegation);

// Why a grant with access: read would not hold beside what is delegated, and what to do about it;
// null if it holds. The same for one policy alone and for several.
struct WhyReadIsVoid {
  const char* reason;
  const char* hint;
};
const WhyReadIsVoid* why_read_is_void(const model::TokenRights& rights, bool pinning,
                                      const std::optional<model::ObjectKind>& kind);

// Programs that load without an attach type are asked for attach type 0.
bool needs_attach_type_none(const model::TokenRights& rights);

}  // namespace pinscope::policy
