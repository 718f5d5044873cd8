// Print programs of what has no types, or whose type the kind of map says by itself.
#pragma once

#include <optional>
#include <vector>

#include "plugin/values/read/map_facts.h"
#include "plugin/values/types/compile.h"
#include "plugin/values/types/key_leaf.h"

namespace pinscope::values {

// All bytes in hexadecimal.
Compiled hex_program(uint32_t bytes, Style style, const std::string& column);

// One number or group of numbers that the kernel defines, not the creator of the map: the index of
// an array, the id of a map or a program, what a devmap or cpumap has. Nothing for other maps.
std::optional<Compiled> builtin_key(const MapFacts& facts, Style style);
std::optional<Compiled> builtin_value(const MapFacts& facts, Style style);
KeyLeaves builtin_leaves(const MapFacts& facts);

}  // namespace pinscope::values
