// UTF-8, checked as RFC 3629 defines it: no overlong forms, no surrogates, nothing beyond U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pinscope {

// Length of the sequence at the start of `text` (which is not empty), or 0 if it is not one.
size_t utf8_length(std::string_view text);

// The code point at the start of `text`, whose sequence has this length: 1 to 4.
uint32_t code_point(std::string_view text, size_t length);

// How many bytes from the start are valid: all of them, or the offset of the first that is not.
size_t valid_utf8_prefix(std::string_view text);

}  // namespace pinscope
