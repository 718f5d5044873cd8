// What a type of BTF is to somebody who shows it: a scalar with a way of writing it, or something
// with parts. The table of docs/values.md in code. Knows libbpf; used by the files of this folder.
#pragma once

#include <bpf/btf.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "plugin/values/types/program.h"

namespace pinscope::values {

// A type without its typedefs and qualifiers.
struct Peeled {
  const btf_type* type = nullptr;  // null: void, or no type that can be followed
  uint32_t id = 0;
  std::string_view alias;   // the outermost typedef, if any
  bool big_endian = false;  // __be16, __be32 or __be64 was among the typedefs
};
Peeled peel(const btf* types, uint32_t id);

// Never null; "" for an anonymous type or member.
std::string_view name_at(const btf* types, uint32_t offset);

// Bytes; nothing for a type without a size.
std::optional<uint64_t> size_of(const btf* types, uint32_t id);

struct Scalar {
  OpKind kind = OpKind::kNull;
  uint8_t size = 0;    // of a number
  uint32_t bytes = 0;  // that it takes in memory
  uint8_t bits = 0;    // of an int with fewer bits than its bytes have; else 0
  uint8_t shift = 0;
  bool is_signed = false;
  const btf_type* enumeration = nullptr;
};

// `name`: of the member or variable that has this type, "" if there is none; it tells addresses
// from numbers. `key`: char arrays are shown whole. Nothing for structs, unions, and arrays that
// are no address and no text.
std::optional<Scalar> classify(const btf* types, uint32_t id, std::string_view name, bool key);

// Whether the key of an LPM trie is a length and an IPv4 or IPv6 address, by its type.
bool is_prefix(const btf* types, uint32_t id, uint32_t key_size);

// "saddr", "src_ip", "remote_ip4": the name of a field that holds an IP address.
bool names_address(std::string_view name);
// "mac", "eth_src", "h_dest"
bool names_mac(std::string_view name);

}  // namespace pinscope::values
