// The key of a map as the name of a file, and back. Pure: no map is asked.
//
// A name is one of three kinds, told apart by its first two bytes:
//
//   typed     7   2001:db8::1   10.0.0.1,10.0.0.2,80   the leaves of the key, joined by commas
//   bytes     %%abc%00%FF                              no types, padding that is not zero, or too
//   long digest    %~9f86d081…                              SHA-256 in 64 hexadecimal digits: all
//   else
//
// Every key has exactly one name, and no two keys have the same (two of the third kind would be a
// collision of SHA-256). No name is empty, ".", "..", longer than 255 bytes, or has a slash, a NUL
// or any byte that is not printable ASCII. docs/values.md has the rules for users.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/values/types/key_leaf.h"

namespace pinscope::values {

// NAME_MAX.
inline constexpr size_t kMaxName = 255;

// `leaves` as Shape::key_leaves() gives them; empty: bytes only.
std::string name_of(const KeyLeaves& leaves, std::span<const std::byte> key);
// The same, appended.
void append_name(std::string& out, const KeyLeaves& leaves, std::span<const std::byte> key);

// The key whose name this is: name_of() of what comes out is `name`, byte for byte. Nothing for
// other spellings ("007", "%%%41"), for names of keys of another size, and for digests.
std::optional<std::vector<std::byte>> key_of(const KeyLeaves& leaves, size_t key_size,
                                             std::string_view name);

// Whether this is the name of a key by its digest, which only a list of keys can find.
bool is_digest_name(std::string_view name);
// Whether keys of so many bytes may have names by their digest; the names of others all say them.
bool may_have_digest_names(size_t key_size);

}  // namespace pinscope::values
