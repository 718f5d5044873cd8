// The numbers of files (st_ino, and FUSE's node ids). They follow from names, keys and the secret
// of the lease, so that a server that starts again gives the same ones, and nobody who writes keys
// can make two of them the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "plugin/values/fuse/siphash.h"

namespace pinscope::values {

// FUSE_ROOT_ID.
inline constexpr uint64_t kRootNumber = 1;

// Of one lease.
class Numbers {
 public:
  // `secret`: 64 hexadecimal digits, of which the first half counts; nothing if it is not.
  static std::optional<Numbers> from_secret(std::string_view secret);

  // Of a file or directory that is always there, by its path: never one of a key's.
  [[nodiscard]] uint64_t of_path(std::string_view path) const;
  // `salt`: of_path() of the directory with the keys.
  [[nodiscard]] uint64_t of_key(uint64_t salt, std::span<const std::byte> key) const;

  static bool is_of_key(uint64_t number) { return (number >> 63U) != 0; }

 private:
  explicit Numbers(SipKey key) : key_(key) {}
  SipKey key_;
};

}  // namespace pinscope::values
