#include "plugin/values/types/addresses.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace pinscope::values {

char* write_ipv4(char* at, const std::byte* address) {
  constexpr int kParts = 4;
  constexpr int kDigits = 3;
  for (int i = 0; i < kParts; ++i) {
    if (i > 0) *at++ = '.';
    at = std::to_chars(at, at + kDigits, std::to_integer<unsigned>(address[i])).ptr;
  }
  return at;
}

char* write_ipv6(char* at, const std::byte* address) {
  if (::inet_ntop(AF_INET6, address, at, kIpv6Room) == nullptr) return at;
  return at + std::strlen(at);
}

char* write_mac(char* at, const std::byte* address) {
  constexpr int kParts = 6;
  constexpr const char* kDigits = "0123456789abcdef";
  for (int i = 0; i < kParts; ++i) {
    if (i > 0) *at++ = ':';
    const auto byte = std::to_integer<unsigned>(address[i]);
    *at++ = kDigits[byte >> 4U];
    *at++ = kDigits[byte & 0xfU];
  }
  return at;
}

}  // namespace pinscope::values
