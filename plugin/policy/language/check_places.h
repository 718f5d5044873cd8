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

// A part of check_policy, for `view.at` and `view.values.at`.
void warn_of_view_place(const PolicyDraft& draft, Reporter& reporter);

// Whether a denial of `deny` certainly takes away every pin that a grant of `grant` gives.
bool denies_all_of(const model::Pattern& deny, const model::Pattern& grant);

// Of a set: denials beside grants that cover nothing that any of these policies grants.
std::vector<Diagnostic> warn_of_idle_denials(const std::vector<model::Policy>& policies);

// Whether a pin can be below one of these mount points of a BPF file system, or above one.
bool may_be_in_bpffs(const model::Pattern& pin, const std::vector<std::string>& bpffs);

// Of a set: grants and denials of pins that can be in none of the BPF file systems that are mounted
// at these places.
std::vector<Diagnostic> warn_of_no_bpffs(const std::vector<model::Policy>& policies,
                                         const std::vector<std::string>& bpffs);

// Of a set: bundles that select nothing, because containers have their bundle's path without
// symbolic links. `resolved` gives that of a path of which perhaps only the beginning exists.
std::vector<Diagnostic> warn_of_linked_bundles(
    const std::vector<model::Policy>& policies,
    const std::function<std::string(const std::string&)>& resolved);

}  // namespace pinscope::policy
