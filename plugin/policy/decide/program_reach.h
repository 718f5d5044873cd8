// How far the programs reach that a container loads with a token. What the kernel asks of a loader
// it asks in the token's user namespace, so capabilities that are worth nothing to the host
// elsewhere count here. docs/adr/0024-reach-of-delegated-programs.md has the facts.
#pragma once

#include <vector>

#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/policy/decide/host_view.h"

namespace pinscope::policy {

// The whole machine only if each policy that delegates prog_load says so.
model::ProgramReach merge_reach(const std::vector<const model::Policy*>& policies);

// Why the programs of this container would reach further than its policies allow, and what to do
// about it; null if they do not.
struct TooFar {
  const char* reason;
  const char* hint;
};
const TooFar* reaches_too_far(const model::Delegation& delegation,
                              const model::Container& container, const HostView& host);

// Whether the container has a capability in some set, or gets it by executing a file, with which a
// program that it loads reads memory of the kernel (kernel/bpf/token.c: bpf_token_capable).
bool can_trace(const model::Container& container);

}  // namespace pinscope::policy
