// What this kernel can do, found by trying, not by its version.
#pragma once

#include <string>
#include <vector>

#include "plugin/model/features.h"

namespace pinscope::kernel {

// For the hook: cheap probes only. detached_trees and pin_attributes are assumed; apply says or
// sees when they do not hold.
model::Features quick_features();

// All but pin_attributes, each tried: what is built for a container that runs cannot be built
// again.
model::Features features_to_swap();

inline constexpr const char* kDetachedTreesProbe = "detached mount trees";
inline constexpr const char* kAttributesProbe = "attributes of pins";

// One line of `doctor`.
struct ProbeResult {
  std::string name;  // detached mount trees
  model::Probe answer = model::Probe::kUnknown;
  std::string since;    // Linux 6.15
  std::string without;  // what happens where it is missing; empty if nothing works without it
  std::string detail;   // the errno, or what was found
};

// Everything that a view may need, each tried for real in a way that leaves nothing behind. Needs
// root; without it most answers are unknown.
std::vector<ProbeResult> probe_all();

}  // namespace pinscope::kernel
