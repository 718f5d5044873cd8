// One leaf of a key as text, and back.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "plugin/values/types/key_leaf.h"

namespace pinscope::values {

// Appends the text of a leaf; `bytes` are those of the leaf alone. False, with anything appended,
// where these bytes have no text that says all of them: a bool that is 2, text after a NUL.
bool append_leaf(std::string& out, const KeyLeaf& leaf, std::span<const std::byte> bytes);

// Writes the bytes that a text stands for, all of `bytes`. False if it stands for none. More than
// one text may stand for the same bytes: who wants the one compares with append_leaf().
bool parse_leaf(const KeyLeaf& leaf, std::string_view text, std::span<std::byte> bytes);

}  // namespace pinscope::values
