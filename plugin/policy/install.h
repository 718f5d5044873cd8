// Makes the compiled set from the policy files: the only way a new set comes into force. Needs
// YAML, so the hook runs it as another program.
#pragma once

#include <string>

#include "plugin/policy/yaml.h"

namespace pinscope::policy {

// Loads `policy_path`; if it has no errors, compiles it and puts it in force under
// `cache_directory` atomically, else leaves the set in force alone and remembers the refused files
// and their errors, so that they are not tried again until they change. One installer at a time.
Result<Loaded> install(const std::string& policy_path, const std::string& cache_directory);

}  // namespace pinscope::policy
