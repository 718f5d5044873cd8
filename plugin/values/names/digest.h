// SHA-256 of a key. A file of its own: no other of this room sees libcrypto.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace pinscope::values {

// 64 hexadecimal digits, in lower case.
std::string digest_of(std::span<const std::byte> key);

}  // namespace pinscope::values
