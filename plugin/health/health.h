// Whether a machine is ready for Pinscope, and whether what is installed on it is in force: what
// `pinscope doctor` prints. Each part of the machine has a file of its own. Nothing here changes
// anything.
#pragma once

#include <string>

#include "plugin/model/finding.h"

namespace pinscope::health {

// Where Pinscope keeps what it keeps on this machine.
struct Places {
  std::string policy_path;
  std::string cache_directory;
  std::string state_directory;
  std::string audit_path;
};

// Everything, in the order in which it matters.
model::Findings examine(const Places& places);

}  // namespace pinscope::health
