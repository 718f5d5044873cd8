#include "plugin/values/names/escape.h"

#include <cstdint>

namespace pinscope::values {

namespace {

constexpr char kDigits[] = "0123456789ABCDEF";

bool stays(EscapeStyle style, unsigned char byte, bool first) {
  if (byte > 0x7e || byte < 0x20 || byte == '/' || byte == '%') return false;
  if (style == EscapeStyle::kBytes) return byte != ' ';
  return byte != ',' && !(first && byte == '.');
}

// Capital digits only: there is one spelling.
int value_of(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

}  // namespace

void append_escaped_bytes(std::string& out, EscapeStyle style, std::span<const std::byte> bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = std::to_integer<unsigned char>(bytes[i]);
    if (stays(style, byte, i == 0)) {
      out += static_cast<char>(byte);
    } else {
      out += '%';
      out += kDigits[byte >> 4U];
      out += kDigits[byte & 0xfU];
    }
  }
}

std::optional<std::vector<std::byte>> unescaped(std::string_view text) {
  std::vector<std::byte> bytes;
  bytes.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes.push_back(static_cast<std::byte>(text[i]));
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = value_of(text[i + 1]);
    const int low = value_of(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<std::byte>(high * 16 + low));
    i += 2;
  }
  return bytes;
}

}  // namespace pinscope::values
