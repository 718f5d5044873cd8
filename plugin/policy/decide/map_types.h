// Every type of BPF map that we know, and what "read" and "read-write" give of it. One table, made
// from tests on real kernels (tests/kernel/facts/map_type_test.cc), for the check of policies, the
// hook, explain and the commands that seccomp has to let through; docs/policy.md shows it to
// people. A type that is not in it is granted in no way.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "plugin/model/bpf_commands.h"

namespace pinscope::policy {

struct MapType {
  std::string_view name;  // as in bpf_names.h
  // What access: read gives; null where it is refused.
  const char* read;
  // Why it is refused: after "a sockmap". Null where it is not.
  const char* read_refused;
  const char* read_write;  // what access: read-write gives
  // Commands of bpf(2) beside those that open a pin: for reading, and in addition for writing.
  model::BpfCommands read_commands;
  model::BpfCommands write_commands;
  // Its elements are maps: whoever writes it can put any map there that they can open, for whatever
  // access, and the programs of the map's owner write it then.
  bool holds_maps = false;
};

// Null for a number that is not known.
const MapType* map_type(uint32_t type);

// In the order of their numbers, from 1.
std::span<const MapType> map_types();

// "a sockmap", "an arena"
std::string with_article(const MapType& type);

// What is said of a type that is not in the table, and what to do about it.
std::string unknown_map_type(uint32_t type);
inline constexpr const char* kUnknownMapTypeHint =
    "a newer Pinscope may know it; until then it is granted in no way";

// Of the type, or of any type where it is not known yet.
model::BpfCommands map_commands(std::optional<uint32_t> type, bool writes);

}  // namespace pinscope::policy
