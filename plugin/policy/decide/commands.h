// Which commands of bpf(2) a container needs for what it was granted. docs/policy.md has the table
// for people.
#pragma once

#include "plugin/model/bpf_commands.h"
#include "plugin/model/decision.h"
#include "plugin/policy/decide/reach.h"

namespace pinscope::policy {

// For all of the decision's grants, and for what it delegates. `objects` are the objects of the
// grants, as far as they were looked at; of the others it counts what the policy expects them to
// be.
//
// For a grant never those that make objects (BPF_MAP_CREATE, BPF_PROG_LOAD), carry one out of its
// instance (BPF_OBJ_PIN), reach others (…_BY_ID, BPF_PROG_DETACH) or spoil one for its owner
// (BPF_MAP_FREEZE). An object of unknown kind is taken for a map unless it is granted for use: that
// is what nearly all are, and these commands are good for nothing without the descriptor of one. Of
// a map of unknown type the commands of every type are needed.
//
// For a delegation those that make a token, make with it what is delegated, and use that. All of
// them ask the kernel for a token or a descriptor.
model::BpfCommands commands_for(const model::Decision& decision, const KnownObjects& objects);

}  // namespace pinscope::policy
