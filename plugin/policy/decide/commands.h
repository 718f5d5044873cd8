// Which commands of bpf(2) a container needs for what it was granted. docs/policy.md has the table
// for people.
#pragma once

#include <cstdint>
#include <optional>

#include "plugin/model/bpf_commands.h"
#include "plugin/model/decision.h"

namespace pinscope::policy {

// For one object. Never those that make objects (BPF_MAP_CREATE, BPF_PROG_LOAD), carry one out of
// its instance (BPF_OBJ_PIN), reach others (…_BY_ID, BPF_PROG_DETACH) or spoil one for its owner
// (BPF_MAP_FREEZE). An object of unknown kind is taken for a map unless it is granted for use: that
// is what nearly all are, and these commands are good for nothing without the descriptor of one.
// `map_type`: of a map, where it is known; otherwise those of every type.
model::BpfCommands commands_for(model::Access access, std::optional<model::ObjectKind> kind,
                                std::optional<uint32_t> map_type = std::nullopt);

// To make a token, to make with it what is delegated, and to use that. All of them ask the kernel
// for a token or a descriptor.
model::BpfCommands commands_for(const model::Delegation& delegation);

}  // namespace pinscope::policy
