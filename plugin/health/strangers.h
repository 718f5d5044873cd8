// Containers that run and that Pinscope has no record of: those that no policy selects, those that
// were started before the wiring, and those that pass it by. Asked of the runtimes' own state.
#pragma once

#include <string>
#include <vector>

#include "plugin/model/finding.h"

namespace pinscope::health {

struct StrangePlaces {
  std::string state_directory;
  std::string policy_path;
  std::string cache_directory;
};

// Only as root, and only where an engine is wired.
model::Findings check_strangers(const StrangePlaces& places);

// A container that runs without a record.
struct Stranger {
  std::string id;
  bool is_sandbox = false;      // as its annotations say
  bool is_from_before = false;  // the wiring
  bool shows_host_bpffs = false;
};
// `for_all`: a policy in force selects every container.
model::Finding judge_strangers(const std::vector<Stranger>& strangers, bool for_all);

}  // namespace pinscope::health
