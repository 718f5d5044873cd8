// The policy files, and, for root, the set that is in force and what it refuses for certain.
#pragma once

#include <string>

#include "plugin/model/finding.h"
#include "plugin/model/host_pins.h"
#include "plugin/policy/language/load.h"

namespace pinscope::health {

model::Findings check_policies(const std::string& policy_path, const std::string& cache_directory,
                               const model::LookAtPin& look_at_pin);
// Adds the warnings and notes about policies that depend on where this host has BPF file systems,
// and which pins.
void add_findings_of_host(policy::Loaded& loaded, const model::LookAtPin& look_at_pin);

}  // namespace pinscope::health
