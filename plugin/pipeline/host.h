// What several functions of the pipeline ask of the host. Internal to the pipeline.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/kernel/bpf/source.h"
#include "plugin/model/bpf_commands.h"
#include "plugin/model/decision.h"
#include "plugin/oci/state.h"

namespace pinscope {

// The host's pins that match: answers model::HostView::pins_matching.
Result<model::MatchingPins> pins_matching(const model::Pattern& glob);

// The host as far as it can be asked before the container has a process: namespaces are those that
// its configuration names.
model::HostView host_before_start();

// The commands of bpf(2) that the decision's grants need. Sources are opened to learn what they
// are, unless the policy says it; one that cannot be opened is the hook's to refuse.
// Changes the working directory.
model::BpfCommands commands_for(const model::Decision& decision, kernel::SourceOpener& sources);

}  // namespace pinscope
