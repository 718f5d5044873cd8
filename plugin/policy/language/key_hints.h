// Where a key belongs that people write in the wrong place.
#pragma once

#include <string>
#include <string_view>

namespace pinscope::policy {

// What to do about the unknown `key` of `mapping` ("a grant", "\"select\""): empty if it is not one
// that we know people to write there.
std::string hint_for_misplaced_key(std::string_view mapping, std::string_view key);

}  // namespace pinscope::policy
