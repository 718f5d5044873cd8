// Bytes that a file name cannot hold, or should not, as %XX with capital digits.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pinscope::values {

// What else than control characters, spaces, "/", "%" and bytes beyond ASCII is escaped.
enum class EscapeStyle {
  kBytes,  // nothing
  kText,   // a comma, which separates leaves, and a period in front; a space stays
};

void append_escaped_bytes(std::string& out, EscapeStyle style, std::span<const std::byte> bytes);

// The bytes that %XX and plain characters stand for; nothing if a % has no two digits.
std::optional<std::vector<std::byte>> unescaped(std::string_view text);

}  // namespace pinscope::values
