// A key that somebody typed, back to its bytes. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/values/types/key_leaf.h"
#include "plugin/values/types/program.h"

namespace pinscope::values {

// "hex:0a0b" and "hex:0A0B"; an error's reason for anything else, and for another size.
Result<std::vector<std::byte>> parse_hex_key(std::string_view text, uint32_t key_size);

// `text`: JSON or text as a key is printed, with the fields in any order, or its leaves alone, in
// their order: 10.0.0.1,80. Names that no leaf has are an error.
// `program` has the names of enums. Padding becomes zero. kUsage, with a reason only.
Result<std::vector<std::byte>> parse_leaves(std::string_view text, const KeyLeaves& leaves,
                                            uint32_t key_size, const Program& program);

}  // namespace pinscope::values
