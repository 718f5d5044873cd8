// Whether two globs have a text in common, which no single text tells. Used by overlap.cc and
// check_not_granted.cc.
#pragma once

#include <string_view>

namespace pinscope::policy {

// Whether some text may match both patterns: no only where that is certain. Time is bounded by the
// product of their lengths.
bool may_match_one_text(std::string_view one, std::string_view other);

}  // namespace pinscope::policy
