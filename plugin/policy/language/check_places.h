// What is doubtful with the paths of a set of policies: pins and denials that are nowhere.
#pragma once

#include <string>
#include <vector>

#include "plugin/policy/language/load.h"

namespace pinscope::policy {

// Denials beside grants that cover nothing that any of these policies grants.
std::vector<Diagnostic> warn_of_idle_denials(const std::vector<model::Policy>& policies);

// Grants and denials of pins that are below none of these mount points of a BPF file system, nor
// above one.
std::vector<Diagnostic> warn_of_no_bpffs(const std::vector<model::Policy>& policies,
                                         const std::vector<std::string>& bpffs);

}  // namespace pinscope::policy
