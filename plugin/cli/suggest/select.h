// The name of a suggested policy, and whom it selects: never more than the container asked about
// without a comment that says so. Pure.
#pragma once

#include <string>

#include "plugin/cli/suggest/suggestion.h"

namespace pinscope::cli {

// Whether a scalar of YAML in double quotes says exactly this: quotes and backslashes alone are
// escaped there as quoted() does it.
bool can_be_written(const std::string& text);
// And whether that, where a policy takes globs, is this and nothing else.
bool is_exact(const std::string& text);

// Small letters, digits and "-"; what cannot be so becomes "-".
std::string policy_name(const std::string& name);

// Fills in `select` and `select_comments`.
void select_for(const SuggestFor& whom, Suggestion& suggestion);

}  // namespace pinscope::cli
