#include "plugin/values/types/classify.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace pinscope::values {
namespace {

constexpr uint32_t kIpv4Bytes = 4;
constexpr uint32_t kIpv6Bytes = 16;
constexpr uint32_t kMacBytes = 6;
constexpr int kMaxAliases = 64;
constexpr unsigned kBitsOfByte = 8;

bool is_number_size(uint64_t size) {
  return size == 1 || size == 2 || size == 4 || size == 8;
}

template <size_t kCount>
bool any_word(std::string_view name, const std::array<std::string_view, kCount>& words) {
  std::string lower;
  for (const char character : name)
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(character)));
  for (size_t start = 0; start <= lower.size();) {
    const size_t end = std::min(lower.find('_', start), lower.size());
    std::string_view word = std::string_view(lower).substr(start, end - start);
    // "ip4", "addr1", "saddr6" are words with a number behind.
    word = word.substr(0, word.find_last_not_of("0123456789") + 1);
    if (std::ranges::find(words, word) != words.end()) return true;
    start = end + 1;
  }
  return false;
}

Scalar number(OpKind kind, uint64_t size) {
  Scalar scalar;
  scalar.kind = kind;
  scalar.size = static_cast<uint8_t>(size);
  scalar.bytes = static_cast<uint32_t>(size);
  scalar.bits = static_cast<uint8_t>(size * kBitsOfByte);
  return scalar;
}

Scalar bytes_as(OpKind kind, uint64_t bytes) {
  Scalar scalar;
  scalar.kind = kind;
  scalar.bytes = static_cast<uint32_t>(bytes);
  return scalar;
}

Scalar classify_int(const Peeled& peeled, std::string_view name) {
  const uint32_t size = peeled.type->size;
  const uint8_t encoding = btf_int_encoding(peeled.type);
  const unsigned bits = btf_int_bits(peeled.type);
  if (!is_number_size(size)) return bytes_as(OpKind::kHex, size);
  if (peeled.big_endian && size > 1 && bits == size * kBitsOfByte) {
    const bool address = size == kIpv4Bytes && names_address(name.empty() ? peeled.alias : name);
    return address ? bytes_as(OpKind::kIpv4, size) : number(OpKind::kBigEndian, size);
  }
  Scalar scalar = number((encoding & BTF_INT_BOOL) != 0     ? OpKind::kBool
                         : (encoding & BTF_INT_SIGNED) != 0 ? OpKind::kSigned
                                                            : OpKind::kUnsigned,
                         size);
  scalar.is_signed = (encoding & BTF_INT_SIGNED) != 0;
  const unsigned offset = btf_int_offset(peeled.type);
  if (bits != 0 && (bits != scalar.bits || offset != 0) && bits + offset <= scalar.bits) {
    if (scalar.kind == OpKind::kUnsigned) scalar.kind = OpKind::kUnsignedBits;
    if (scalar.kind == OpKind::kSigned) scalar.kind = OpKind::kSignedBits;
    scalar.bits = static_cast<uint8_t>(bits);
    scalar.shift = static_cast<uint8_t>(offset);
  }
  return scalar;
}

// An array that is written as one word.
std::optional<Scalar> classify_array(const btf* types, const Peeled& peeled, std::string_view name,
                                     bool key) {
  const struct btf_array* array = btf_array(peeled.type);
  const Peeled element = peel(types, array->type);
  if (element.type == nullptr || !btf_is_int(element.type)) return std::nullopt;
  const uint64_t bytes = uint64_t{array->nelems} * element.type->size;
  const std::string_view called = name.empty() ? peeled.alias : name;
  if (bytes == kIpv6Bytes && element.type->size <= kIpv4Bytes && names_address(called))
    return bytes_as(OpKind::kIpv6, bytes);
  if (element.type->size != 1 || bytes > UINT32_MAX) return std::nullopt;
  if (bytes == kMacBytes && names_mac(called)) return bytes_as(OpKind::kMac, bytes);
  const bool text = name_at(types, element.type->name_off) == "char";
  if (text) return bytes_as(key ? OpKind::kWholeText : OpKind::kText, bytes);
  if (bytes == kIpv4Bytes && names_address(called)) return bytes_as(OpKind::kIpv4, bytes);
  return std::nullopt;
}

std::optional<Scalar> classify_struct(const btf* types, const Peeled& peeled) {
  const std::string_view name = name_at(types, peeled.type->name_off);
  if (name == "in_addr" && peeled.type->size == kIpv4Bytes)
    return bytes_as(OpKind::kIpv4, kIpv4Bytes);
  if (name == "in6_addr" && peeled.type->size == kIpv6Bytes)
    return bytes_as(OpKind::kIpv6, kIpv6Bytes);
  return std::nullopt;
}

Scalar classify_enum(const Peeled& peeled) {
  if (!is_number_size(peeled.type->size)) return bytes_as(OpKind::kHex, peeled.type->size);
  Scalar scalar = number(OpKind::kEnum, peeled.type->size);
  scalar.is_signed = btf_kflag(peeled.type);
  scalar.enumeration = peeled.type;
  return scalar;
}

}  // namespace

std::string_view name_at(const btf* types, uint32_t offset) {
  const char* name = btf__name_by_offset(types, offset);
  return name == nullptr ? "" : name;
}

Peeled peel(const btf* types, uint32_t id) {
  Peeled peeled;
  for (int steps = 0; steps < kMaxAliases && id != 0; ++steps) {
    const btf_type* type = btf__type_by_id(types, id);
    if (type == nullptr) return peeled;
    if (btf_is_typedef(type)) {
      const std::string_view name = name_at(types, type->name_off);
      if (peeled.alias.empty()) peeled.alias = name;
      peeled.big_endian |= name == "__be16" || name == "__be32" || name == "__be64";
    } else if (!btf_is_mod(type) && !btf_is_type_tag(type) && !btf_is_var(type)) {
      peeled.type = type;
      peeled.id = id;
      return peeled;
    }
    id = type->type;
  }
  return peeled;
}

std::optional<uint64_t> size_of(const btf* types, uint32_t id) {
  const __s64 size = btf__resolve_size(types, id);
  if (size < 0) return std::nullopt;
  return static_cast<uint64_t>(size);
}

std::optional<Scalar> classify(const btf* types, uint32_t id, std::string_view name, bool key) {
  const Peeled peeled = peel(types, id);
  if (peeled.type == nullptr) return Scalar{};
  switch (btf_kind(peeled.type)) {
    case BTF_KIND_INT:
      return classify_int(peeled, name);
    case BTF_KIND_PTR:
      return number(OpKind::kPointer, sizeof(uint64_t));
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
      return classify_enum(peeled);
    case BTF_KIND_FLOAT:
      if (peeled.type->size == sizeof(float) || peeled.type->size == sizeof(double))
        return number(OpKind::kFloat, peeled.type->size);
      return bytes_as(OpKind::kHex, peeled.type->size);
    case BTF_KIND_ARRAY:
      return classify_array(types, peeled, name, key);
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      return classify_struct(types, peeled);
    case BTF_KIND_DATASEC:
      return std::nullopt;
    default:  // declarations and functions: they have no bytes
      return Scalar{};
  }
}

bool is_prefix(const btf* types, uint32_t id, uint32_t key_size) {
  const Peeled key = peel(types, id);
  if (key.type == nullptr || !btf_is_struct(key.type) || btf_vlen(key.type) != 2) return false;
  const uint32_t address_bytes = key_size - static_cast<uint32_t>(sizeof(uint32_t));
  if (address_bytes != kIpv4Bytes && address_bytes != kIpv6Bytes) return false;
  const btf_member* members = btf_members(key.type);
  if (btf_member_bit_offset(key.type, 1) != sizeof(uint32_t) * kBitsOfByte) return false;
  const Peeled address = peel(types, members[1].type);
  if (address.type == nullptr || size_of(types, members[1].type) != address_bytes) return false;
  if (btf_is_int(address.type) || classify_struct(types, address)) return true;
  if (!btf_is_array(address.type)) return false;
  const Peeled element = peel(types, btf_array(address.type)->type);
  return element.type != nullptr && btf_is_int(element.type);
}

bool names_address(std::string_view name) {
  constexpr auto kWords = std::to_array<std::string_view>(
      {"addr", "address", "ip", "ipv", "saddr", "daddr", "ipaddr", "src", "dst", "gateway", "gw",
       "nexthop", "vip", "srcip", "dstip", "sip", "dip"});
  return any_word(name, kWords);
}

bool names_mac(std::string_view name) {
  constexpr auto kWords = std::to_array<std::string_view>(
      {"mac", "eth", "ether", "lladdr", "hwaddr", "dmac", "smac", "macaddr"});
  return name == "h_dest" || name == "h_source" || any_word(name, kWords);
}

}  // namespace pinscope::values
