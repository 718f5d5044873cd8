#include "plugin/values/names/digest.h"

#include <openssl/sha.h>

#include <array>

#include "plugin/base/hex.h"

namespace pinscope::values {

std::string digest_of(std::span<const std::byte> key) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  return hex_of(std::as_bytes(std::span(digest)));
}

}  // namespace pinscope::values
