// How the entries of each type of map are read, or why they cannot be: a table of all types.
#pragma once

#include <cstdint>
#include <string>

#include "plugin/values/read/map_facts.h"

namespace pinscope::values {

enum class ReadWay : uint8_t {
  kKeys,     // key by key, or in batches
  kHead,     // a queue or a stack: the next element is looked at without being taken
  kRefused,  // the kernel shows its content to nobody, or not by a key that can be listed
};

struct Reading {
  ReadWay way = ReadWay::kRefused;
  // Of kRefused: why, and what to do instead. A sentence's part: `a ring buffer is read ...`.
  std::string reason = {};
};

// Of a map with these facts: of sockmaps the size of the value decides. A type that is newer than
// this table is tried like a hash.
Reading reading_of(const MapFacts& facts);

// What is in such a map, where it is an id of something: "map_id" for a map of maps, "program_id"
// for a program array, else "".
const char* id_in_value(uint32_t type);

}  // namespace pinscope::values
