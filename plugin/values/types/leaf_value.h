// A leaf of a key, text excepted, as people write it, and back: numbers in decimal, addresses. File
// names and the keys that `pinscope dump` is asked for are written so.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "plugin/values/types/key_leaf.h"

namespace pinscope::values {

// `bytes` are those of the leaf alone. False, with anything appended, where these bytes have no
// such text: a bool that is 2, another size than the kind has, a char array.
bool append_leaf_value(std::string& out, const KeyLeaf& leaf, std::span<const std::byte> bytes);

// Writes the bytes that a text stands for, all of `bytes`. False if it stands for none. More than
// one text may stand for the same bytes.
bool parse_leaf_value(const KeyLeaf& leaf, std::string_view text, std::span<std::byte> bytes);

}  // namespace pinscope::values
