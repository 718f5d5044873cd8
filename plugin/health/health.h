// Whether a machine is ready for Pinscope, and whether what is installed on it is in force: what
// `pinscope doctor` prints. Each part of the machine has a file of its own. Nothing here changes
// anything.
#pragma once

#include <string>

#include "plugin/model/finding.h"
#include "plugin/model/host_pins.h"

namespace pinscope::health {

// Where Pinscope keeps what it keeps on this machine.
struct Places {
  std::string policy_path;
  std::string cache_directory;
  std::string state_directory;
  std::string audit_path;
  model::LookAtPin look_at_pin;
};

// Everything, in the order in which it matters.
model::Findings examine(const Places& places);

}  // namespace pinscope::health
