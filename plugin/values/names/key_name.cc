#include "plugin/values/names/key_name.h"

#include <algorithm>

#include "plugin/values/names/digest.h"
#include "plugin/values/names/escape.h"
#include "plugin/values/names/leaf_text.h"

namespace pinscope::values {

namespace {

constexpr std::string_view kBytesMark = "%%";
constexpr std::string_view kDigestMark = "%~";
constexpr size_t kDigestDigits = 64;

bool is_zero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

// Whether the leaves are in order and within the key, and nothing but zeros is between them.
bool are_all_of(const KeyLeaves& leaves, std::span<const std::byte> key) {
  size_t end = 0;
  for (const KeyLeaf& leaf : leaves) {
    if (leaf.offset < end || leaf.offset > key.size() || leaf.size > key.size() - leaf.offset)
      return false;
    if (!is_zero(key.subspan(end, leaf.offset - end))) return false;
    end = size_t{leaf.offset} + leaf.size;
  }
  return is_zero(key.subspan(end));
}

// False, with anything appended, where the leaves do not say all of the key in so many bytes.
bool append_typed(std::string& out, const KeyLeaves& leaves, std::span<const std::byte> key) {
  if (leaves.empty() || !are_all_of(leaves, key)) return false;
  const size_t start = out.size();
  for (const KeyLeaf& leaf : leaves) {
    if (&leaf != &leaves.front()) out += ',';
    if (!append_leaf(out, leaf, key.subspan(leaf.offset, leaf.size))) return false;
  }
  return out.size() > start && out.size() - start <= kMaxName;
}

std::optional<std::vector<std::byte>> parse_typed(const KeyLeaves& leaves, size_t key_size,
                                                  std::string_view name) {
  std::vector<std::byte> key(key_size);
  for (size_t i = 0; i < leaves.size(); ++i) {
    const KeyLeaf& leaf = leaves[i];
    if (leaf.offset > key_size || leaf.size > key_size - leaf.offset) return std::nullopt;
    const size_t comma = name.find(',');
    const bool last = i + 1 == leaves.size();
    if (last != (comma == std::string_view::npos)) return std::nullopt;
    const auto bytes = std::span(key).subspan(leaf.offset, leaf.size);
    if (!parse_leaf(leaf, name.substr(0, comma), bytes)) return std::nullopt;
    name.remove_prefix(last ? name.size() : comma + 1);
  }
  return key;
}

}  // namespace

void append_name(std::string& out, const KeyLeaves& leaves, std::span<const std::byte> key) {
  const size_t start = out.size();
  if (append_typed(out, leaves, key)) return;
  out.resize(start);
  out += kBytesMark;
  append_escaped_bytes(out, EscapeStyle::kBytes, key);
  if (out.size() - start <= kMaxName) return;
  out.resize(start);
  out += kDigestMark;
  out += digest_of(key);
}

std::string name_of(const KeyLeaves& leaves, std::span<const std::byte> key) {
  std::string name;
  append_name(name, leaves, key);
  return name;
}

std::optional<std::vector<std::byte>> key_of(const KeyLeaves& leaves, size_t key_size,
                                             std::string_view name) {
  if (name.empty() || name.size() > kMaxName || name.starts_with(kDigestMark)) return std::nullopt;
  auto key = name.starts_with(kBytesMark) ? unescaped(name.substr(kBytesMark.size()))
                                          : parse_typed(leaves, key_size, name);
  if (!key || key->size() != key_size || name_of(leaves, *key) != name) return std::nullopt;
  return key;
}

bool is_digest_name(std::string_view name) {
  if (!name.starts_with(kDigestMark)) return false;
  name.remove_prefix(kDigestMark.size());
  return name.size() == kDigestDigits &&
         name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool may_have_digest_names(size_t key_size) {
  constexpr size_t kLongestByte = 3;  // "%FF"
  return kBytesMark.size() + kLongestByte * key_size > kMaxName;
}

}  // namespace pinscope::values
