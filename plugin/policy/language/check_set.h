// What is doubtful with a set of policies although each of them is right.
#pragma once

#include <string>
#include <vector>

#include "plugin/policy/language/load.h"

namespace pinscope::policy {

// Descriptors travel: what one policy lets a container read, a container of another one writes if
// it may load programs or pin. One warning for each policy that lets it, in the order of
// `policies`.
std::vector<Diagnostic> warn_of_travel(const std::vector<model::Policy>& policies);

// Puts `more` among those of the same file, by their place; behind all where the file has none.
void insert_by_place(std::vector<Diagnostic>& diagnostics, std::vector<Diagnostic> more);

}  // namespace pinscope::policy
