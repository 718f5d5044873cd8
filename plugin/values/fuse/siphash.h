// SipHash-2-4 (Aumasson, Bernstein 2012): a hash with a key, for tables whose content hostile
// people choose. Without the key nobody finds two texts with the same hash.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace pinscope::values {

using SipKey = std::array<uint64_t, 2>;

uint64_t siphash(const SipKey& key, std::string_view text);

}  // namespace pinscope::values
