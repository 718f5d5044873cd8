#include "plugin/values/fuse/numbers.h"

#include <algorithm>
#include <charconv>

namespace pinscope::values {

namespace {

constexpr size_t kSecretDigits = 64;
constexpr size_t kWordDigits = 16;
constexpr uint64_t kKeyBit = uint64_t{1} << 63U;

}  // namespace

std::optional<Numbers> Numbers::from_secret(std::string_view secret) {
  if (secret.size() != kSecretDigits) return std::nullopt;
  SipKey key{};
  for (size_t i = 0; i < key.size(); ++i) {
    const char* start = secret.data() + i * kWordDigits;
    const auto [end, error] = std::from_chars(start, start + kWordDigits, key[i], 16);
    if (error != std::errc{} || end != start + kWordDigits) return std::nullopt;
  }
  return Numbers(key);
}

uint64_t Numbers::of_path(std::string_view path) const {
  // 0 and 1 mean nothing and the root.
  return std::max<uint64_t>(siphash(key_, path) & ~kKeyBit, kRootNumber + 1);
}

uint64_t Numbers::of_key(uint64_t salt, std::span<const std::byte> key) const {
  const SipKey salted{key_[0] ^ salt, key_[1]};
  const std::string_view text(reinterpret_cast<const char*>(key.data()), key.size());
  return siphash(salted, text) | kKeyBit;
}

}  // namespace pinscope::values
