#include "plugin/values/names/leaf_text.h"

#include <algorithm>

#include "plugin/values/names/escape.h"
#include "plugin/values/types/leaf_value.h"

namespace pinscope::values {

namespace {

bool append_text(std::string& out, std::span<const std::byte> bytes) {
  const auto end = std::ranges::find(bytes, std::byte{0});
  if (std::any_of(end, bytes.end(), [](std::byte byte) { return byte != std::byte{0}; }))
    return false;
  append_escaped_bytes(out, EscapeStyle::kText, {bytes.begin(), end});
  return true;
}

bool parse_text(std::string_view text, std::span<std::byte> bytes) {
  const auto plain = unescaped(text);
  if (!plain || plain->size() > bytes.size()) return false;
  std::ranges::fill(bytes, std::byte{0});
  std::ranges::copy(*plain, bytes.begin());
  return true;
}

}  // namespace

bool append_leaf(std::string& out, const KeyLeaf& leaf, std::span<const std::byte> bytes) {
  return leaf.kind == LeafKind::kText ? append_text(out, bytes)
                                      : append_leaf_value(out, leaf, bytes);
}

bool parse_leaf(const KeyLeaf& leaf, std::string_view text, std::span<std::byte> bytes) {
  return leaf.kind == LeafKind::kText ? parse_text(text, bytes)
                                      : parse_leaf_value(leaf, text, bytes);
}

}  // namespace pinscope::values
