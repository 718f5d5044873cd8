// Alternatives in braces, as shells have them and globs of policies do not.
#pragma once

#include <string_view>

namespace pinscope::policy {

// Whether the pattern holds "{a,b}" outside of a set and without a backslash before the brace.
bool has_alternatives_in_braces(std::string_view pattern);

}  // namespace pinscope::policy
