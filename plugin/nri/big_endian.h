// Numbers on the wire: both framings of NRI are big-endian. Internal to nri/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pinscope::nri {

// `bytes` must hold four bytes from `offset` on.
inline uint32_t read_u32(std::string_view bytes, size_t offset) {
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i)
    number = number << 8U | static_cast<unsigned char>(bytes[offset + i]);
  return number;
}

inline void append_u32(std::string& bytes, uint32_t number) {
  for (const unsigned shift : {24U, 16U, 8U, 0U})
    bytes.push_back(static_cast<char>(number >> shift & 0xFFU));
}

}  // namespace pinscope::nri
