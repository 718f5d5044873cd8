// The scalars that a map's key consists of, flat: what is needed to write a key as the name of a
// file and to read it back. Pure data: who includes this does not see libbpf.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pinscope::values {

enum class LeafKind : uint8_t {
  kUnsigned,   // 1, 2, 4 or 8 bytes, in the machine's order
  kSigned,     // the same
  kBool,       // any size of the above; every value but 0 means true
  kEnum,       // unsigned or signed, by `is_signed`
  kBigEndian,  // 2, 4 or 8 bytes, unsigned, most significant byte first
  kIpv4,       // 4 bytes in network order
  kIpv6,       // 16 bytes in network order
  kMac,        // 6 bytes
  kText,       // a char array; ends with NULs where it is shorter
};

struct KeyLeaf {
  uint32_t offset = 0;  // bytes from the start of the key
  uint32_t size = 0;    // bytes
  LeafKind kind = LeafKind::kUnsigned;
  bool is_signed = false;  // of kEnum; always true for kSigned
  std::string name;        // "saddr", "inner.port", "ports[1]"; empty where the key is a scalar
};

// In the order of their offsets, without overlaps; what they do not cover is padding. Empty: the
// key is known as bytes only. That is so without BTF, and for keys with unions, bit fields,
// pointers, floating point, or more than 32 leaves.
using KeyLeaves = std::vector<KeyLeaf>;

}  // namespace pinscope::values
