// What people mean who write a key in the wrong place, or another word than ours.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace pinscope::policy {

// How an item of `exclude` is called; it has the keys of "\"select\"", and its hints.
inline constexpr std::string_view kExclusion = "an item of \"exclude\"";

// What to do about the unknown `key` of `mapping` ("a grant", "\"select\""): empty if it is not one
// that we know people to write there.
std::string hint_for_misplaced_key(std::string_view mapping, std::string_view key);

// The one of our words that was meant by `word`: "read" by "ro", "mask" by "maks". Empty if that
// cannot be told.
std::string_view our_word_for(std::string_view word, std::span<const std::string_view> ours);

}  // namespace pinscope::policy
