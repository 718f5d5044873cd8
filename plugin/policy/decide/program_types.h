// What the type of a program says of it, and everything else that a policy can delegate by a
// number: whether it may be, what it attaches to, and what it is loaded with. Made from tests on
// real kernels (tests/kernel/facts/token_test.cc, program_test.cc).
#pragma once

#include <cstdint>

#include "plugin/model/bpf_names.h"
#include "plugin/model/reach.h"
#include "plugin/model/token_rights.h"

namespace pinscope::policy {

inline constexpr uint32_t kSocketFilter = model::kProgramTypes.number_of("socket_filter").value();
inline constexpr uint32_t kCgroupSkb = model::kProgramTypes.number_of("cgroup_skb").value();
// The attach type that a program without one is loaded with: "cgroup_inet_ingress".
inline constexpr uint32_t kAttachNone = 0;

// The commands with a field for a token. Every other one is accepted by the kernel as a mount
// option and has no effect.
bool takes_token(uint32_t command);

// Why no container may have this, as the end of "it …": "it reads and writes memory of the kernel".
// Null for what may be delegated.
const char* danger_of(model::TokenRight right, uint32_t number);

// The attach types that a program of this type is loaded with, kAttachNone among them if it may
// be loaded without one (kernel/bpf/syscall.c: bpf_prog_load_check_attach). A mask.
uint64_t attach_types_of(uint32_t program);
// Whether kAttachNone is no attach type of its own for it. (For cgroup_skb it is one.)
bool loads_without_attach_type(uint32_t program);

// What a container with such a program has to have of its own.
model::Scope scope_of(uint32_t program);

}  // namespace pinscope::policy
