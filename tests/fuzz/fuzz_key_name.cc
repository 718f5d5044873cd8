// Keys as names of files, and back. The first byte says how many leaves the key has, then two bytes
// each: kind, and size with padding. The rest is a key and, as it stands, a name.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "plugin/values/names/key_name.h"

namespace {

namespace values = pinscope::values;

values::KeyLeaves take_leaves(std::span<const uint8_t>& bytes) {
  values::KeyLeaves leaves;
  if (bytes.empty()) return leaves;
  const size_t count = bytes[0] % 33U;
  bytes = bytes.subspan(1);
  uint32_t at = 0;
  while (leaves.size() < count && bytes.size() >= 2) {
    values::KeyLeaf leaf;
    leaf.kind = static_cast<values::LeafKind>(bytes[0] % 9U);
    leaf.is_signed = leaf.kind == values::LeafKind::kSigned || (bytes[0] & 0x80U) != 0;
    leaf.offset = at + bytes[1] % 4U;
    leaf.size = bytes[1] / 4U;
    at = leaf.offset + leaf.size;
    leaves.push_back(leaf);
    bytes = bytes.subspan(2);
  }
  return leaves;
}

void require(bool holds) {
  if (!holds) std::abort();
}

void check_name(const values::KeyLeaves& leaves, std::span<const std::byte> key) {
  const std::string name = values::name_of(leaves, key);
  require(!name.empty() && name != "." && name != ".." && name.size() <= values::kMaxName);
  for (const char byte : name) require(byte >= ' ' && byte <= '~' && byte != '/');
  if (values::is_digest_name(name)) return;
  const auto back = values::key_of(leaves, key.size(), name);
  require(back && std::equal(back->begin(), back->end(), key.begin(), key.end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::span<const uint8_t> bytes(data, size);
  const values::KeyLeaves leaves = take_leaves(bytes);
  const auto key = std::as_bytes(bytes.first(std::min<size_t>(bytes.size(), 512)));
  check_name(leaves, key);
  const std::string_view name(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const size_t key_size : {size_t{4}, size_t{16}, key.size()})
    if (const auto found = values::key_of(leaves, key_size, name))
      require(values::name_of(leaves, *found) == name);
  return 0;
}
