// Addresses as people write them, from bytes in network order, into a buffer with room.
#pragma once

#include <cstddef>

namespace pinscope::values {

inline constexpr size_t kIpv4Room = 15;
inline constexpr size_t kIpv6Room = 46;
inline constexpr size_t kMacRoom = 17;

// Each returns the end of what it wrote. "10.0.0.1"; "2001:db8::1" (RFC 5952); "02:42:ac:11:00:02".
char* write_ipv4(char* at, const std::byte* address);
char* write_ipv6(char* at, const std::byte* address);
char* write_mac(char* at, const std::byte* address);

}  // namespace pinscope::values
