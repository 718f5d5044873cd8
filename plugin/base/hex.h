// Bytes as hexadecimal digits, two for each, in lower case.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace pinscope {

inline std::string hex_of(std::span<const std::byte> bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4U];
    text += kDigits[std::to_integer<unsigned>(byte) & 0xfU];
  }
  return text;
}

}  // namespace pinscope
