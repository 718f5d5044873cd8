// What narrows a map down for everybody who has it, beyond the flags in its info: asked of one map,
// because each answer takes calls of its own.
#pragma once

#include <cstdint>

#include "plugin/model/features.h"

namespace pinscope::kernel {

struct MapLimits {
  // BPF_MAP_FREEZE: no process writes it any more, by whatever descriptor. Programs do.
  model::Probe frozen = model::Probe::kUnknown;
  // It was made for one program (excl_prog_hash, Linux 6.18): no other can be loaded with it.
  // Processes are not kept from it.
  model::Probe exclusive = model::Probe::kUnknown;
  friend bool operator==(const MapLimits&, const MapLimits&) = default;
};

// Opens the map by its id, which takes CAP_SYS_ADMIN. The kernel shows nowhere that a map is
// exclusive, so a program that does nothing is loaded with it, and forgotten
// (kernel/bpf/verifier.c: check_map_prog_compatibility).
MapLimits limits_of_map(uint32_t id);

}  // namespace pinscope::kernel
