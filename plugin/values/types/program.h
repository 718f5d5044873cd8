// The flat program of print operations that the types of a key or a value become, in one style.
// Made by compile.cc and builtin.cc, executed by print.cc; nobody else looks into it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pinscope::values {

enum class OpKind : uint8_t {
  kLiteral,   // nothing but the text in front
  kUnsigned,  // `size` 1, 2, 4, 8
  kSigned,
  kUnsignedBits,  // `bits` of them, `shift` bits after the byte at the offset
  kSignedBits,
  kBool,
  kFloat,      // `size` 4, 8
  kEnum,       // `extra`: which of the program's enums
  kPointer,    // 0x and the number
  kBigEndian,  // `size` 2, 4, 8: a number
  kIpv4,
  kIpv6,
  kMac,
  kPrefix,     // of an LPM trie: 4 bytes of length, then `extra` bytes of address
  kText,       // char[extra], up to its first NUL
  kWholeText,  // char[extra], without the NULs at its end
  kHex,        // `extra` bytes
  kLoop,       // `extra` times what follows up to its kNext; elements are `stride` bytes apart
  kNext,       // between and behind elements; `text` comes between them
  kCell,       // what follows up to kCellEnd becomes one field of CSV
  kCellEnd,
  kNull,  // a type without bytes
};

// `offset` counts from the element of the innermost loop, or from the start.
struct Op {
  OpKind kind = OpKind::kLiteral;
  uint8_t size = 0;
  uint8_t bits = 0;
  uint8_t shift = 0;
  bool is_signed = false;  // of kEnum
  bool quote = false;      // what is not a number stands in double quotes
  uint32_t offset = 0;
  uint32_t extra = 0;
  uint32_t stride = 0;
  uint32_t text = 0;  // in front of it: where in `literals`
  uint32_t text_size = 0;
};

// Names by number, sorted; both styles print the name without escaping, as BTF names are
// identifiers (and are made safe when the program is made).
struct EnumNames {
  std::vector<std::pair<int64_t, std::string>> names;
};

// How deep loops may be inside each other; deeper arrays are shown in hexadecimal.
inline constexpr size_t kMaxLoops = 16;

struct Program {
  std::vector<Op> ops;
  std::string literals;
  std::vector<EnumNames> enums;
  uint32_t bytes = 0;  // that the operations look at

  [[nodiscard]] std::string_view text_of(const Op& op) const {
    return std::string_view(literals).substr(op.text, op.text_size);
  }
};

// The styles in which one type is compiled.
enum class Style : uint8_t { kJson, kText, kCsv };

// How many bytes further the same value of the next CPU is, and how many there are.
struct Cpus {
  uint32_t count = 1;
  size_t stride = 0;
};

}  // namespace pinscope::values
