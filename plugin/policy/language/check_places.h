// What is doubtful with the paths of policies: where a view is, and pins and denials that are
// nowhere.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "plugin/policy/language/load.h"
#include "plugin/policy/language/reader.h"
#include "plugin/policy/language/reporter.h"

namespace pinscope::policy {

// A part of check_policy, for `view.at`.
void warn_of_view_place(const PolicyDraft& draft, Reporter& reporter);

// Of a set: denials beside grants that cover nothing that any of these policies grants.
std::vector<Diagnostic> warn_of_idle_denials(const std::vector<model::Policy>& policies);

// Of a set: grants and denials of pins that are below none of these mount points of a BPF file
// system, nor above one.
std::vector<Diagnostic> warn_of_no_bpffs(const std::vector<model::Policy>& policies,
                                         const std::vector<std::string>& bpffs);

// Of a set: bundles that select nothing, because containers have their bundle's path without
// symbolic links. `resolved` gives that of a path of which perhaps only the beginning exists.
std::vector<Diagnostic> warn_of_linked_bundles(
    const std::vector<model::Policy>& policies,
    const std::function<std::string(const std::string&)>& resolved);

}  // namespace pinscope::policy
