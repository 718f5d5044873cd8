#include "plugin/values/types/leaf_value.h"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>

#include "plugin/values/types/addresses.h"

namespace pinscope::values {

namespace {

constexpr size_t kMacBytes = 6;

bool is_integer_size(size_t size) {
  return size == 1 || size == 2 || size == 4 || size == 8;
}

// Which end of the leaf has its most significant byte.
bool most_first(const KeyLeaf& leaf) {
  return leaf.kind == LeafKind::kBigEndian || std::endian::native == std::endian::big;
}

// The integer in these bytes; the sign is not extended.
uint64_t load(const KeyLeaf& leaf, std::span<const std::byte> bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const size_t at = most_first(leaf) ? i : bytes.size() - 1 - i;
    value = value << 8U | std::to_integer<uint64_t>(bytes[at]);
  }
  return value;
}

void store(const KeyLeaf& leaf, uint64_t value, std::span<std::byte> bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    const size_t at = most_first(leaf) ? bytes.size() - 1 - i : i;
    bytes[at] = static_cast<std::byte>(value & 0xffU);
    value >>= 8U;
  }
}

uint64_t largest(size_t size) {
  return size == 8 ? std::numeric_limits<uint64_t>::max() : (uint64_t{1} << (8 * size)) - 1;
}

template <typename Number>
void append_number(std::string& out, Number number) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, end);
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

bool append_integer(std::string& out, const KeyLeaf& leaf, std::span<const std::byte> bytes) {
  if (!is_integer_size(bytes.size())) return false;
  const uint64_t value = load(leaf, bytes);
  if (leaf.kind == LeafKind::kBool && value > 1) return false;
  if (!leaf.is_signed) {
    append_number(out, value);
    return true;
  }
  const auto unused = static_cast<unsigned>(64 - 8 * bytes.size());
  append_number(out, static_cast<int64_t>(value << unused) >> unused);
  return true;
}

bool parse_integer(const KeyLeaf& leaf, std::string_view text, std::span<std::byte> bytes) {
  if (!is_integer_size(bytes.size())) return false;
  if (leaf.is_signed) {
    const auto value = parse_number<int64_t>(text);
    const auto most = static_cast<int64_t>(largest(bytes.size()) >> 1U);
    if (!value || *value > most || *value < -most - 1) return false;
    store(leaf, static_cast<uint64_t>(*value), bytes);
    return true;
  }
  const auto value = parse_number<uint64_t>(text);
  if (!value || *value > largest(bytes.size())) return false;
  store(leaf, *value, bytes);
  return true;
}

// By one of the functions of addresses.h, which need this room.
bool append_address(std::string& out, char* (*write)(char*, const std::byte*), size_t room,
                    std::span<const std::byte> bytes, size_t size) {
  if (bytes.size() != size) return false;
  const size_t start = out.size();
  out.resize(start + room);
  out.resize(static_cast<size_t>(write(out.data() + start, bytes.data()) - out.data()));
  return true;
}

bool parse_address(int family, std::string_view text, std::span<std::byte> bytes, size_t size) {
  char copy[INET6_ADDRSTRLEN] = {};
  if (bytes.size() != size || text.size() >= sizeof copy) return false;
  std::ranges::copy(text, copy);
  return ::inet_pton(family, copy, bytes.data()) == 1;
}

bool parse_mac(std::string_view text, std::span<std::byte> bytes) {
  if (bytes.size() != kMacBytes || text.size() != 3 * kMacBytes - 1) return false;
  for (size_t i = 0; i < kMacBytes; ++i) {
    const char* digits = text.data() + 3 * i;
    if (i > 0 && digits[-1] != ':') return false;
    unsigned value = 0;
    const auto [stop, error] = std::from_chars(digits, digits + 2, value, 16);
    if (error != std::errc{} || stop != digits + 2) return false;
    bytes[i] = static_cast<std::byte>(value);
  }
  return true;
}

}  // namespace

bool append_leaf_value(std::string& out, const KeyLeaf& leaf, std::span<const std::byte> bytes) {
  switch (leaf.kind) {
    case LeafKind::kUnsigned:
    case LeafKind::kSigned:
    case LeafKind::kBool:
    case LeafKind::kEnum:
    case LeafKind::kBigEndian:
      return append_integer(out, leaf, bytes);
    case LeafKind::kIpv4:
      return append_address(out, write_ipv4, kIpv4Room, bytes, sizeof(in_addr));
    case LeafKind::kIpv6:
      return append_address(out, write_ipv6, kIpv6Room, bytes, sizeof(in6_addr));
    case LeafKind::kMac:
      return append_address(out, write_mac, kMacRoom, bytes, kMacBytes);
    case LeafKind::kText:
      break;
  }
  return false;
}

bool parse_leaf_value(const KeyLeaf& leaf, std::string_view text, std::span<std::byte> bytes) {
  switch (leaf.kind) {
    case LeafKind::kUnsigned:
    case LeafKind::kSigned:
    case LeafKind::kBool:
    case LeafKind::kEnum:
    case LeafKind::kBigEndian:
      return parse_integer(leaf, text, bytes);
    case LeafKind::kIpv4:
      return parse_address(AF_INET, text, bytes, sizeof(in_addr));
    case LeafKind::kIpv6:
      return parse_address(AF_INET6, text, bytes, sizeof(in6_addr));
    case LeafKind::kMac:
      return parse_mac(text, bytes);
    case LeafKind::kText:
      break;
  }
  return false;
}

}  // namespace pinscope::values
