// The policy files, and the set that is in force.
#pragma once

#include <string>

#include "plugin/model/finding.h"
#include "plugin/policy/language/load.h"

namespace pinscope::health {

model::Findings check_policies(const std::string& policy_path, const std::string& cache_directory);
// Adds the warnings about policies that depend on where this host has BPF file systems.
void add_warnings_of_host(policy::Loaded& loaded);

}  // namespace pinscope::health
