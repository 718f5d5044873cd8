// Single look-ups: one value by its key.
#pragma once

#include <cstddef>
#include <span>

#include "plugin/base/result.h"
#include "plugin/values/read/map_facts.h"

namespace pinscope::values {

// BPF_MAP_LOOKUP_ELEM. `value` has value_bytes(facts) bytes, `key` key_size (none for a queue or a
// stack, whose head is looked at). False: no such key. Programs may change the value during the
// copy; each CPU's value is consistent as far as the kernel makes it so.
Result<bool> look_up(int map, const MapFacts& facts, std::span<const std::byte> key,
                     std::span<std::byte> value);

// BPF_MAP_GET_NEXT_KEY. No `key`: the first. False: there is none. After a key that is not there
// any more, hash maps begin anew, so a loop over this needs a bound: Walk has one.
Result<bool> next_key(int map, std::span<const std::byte> key, std::span<std::byte> next);

}  // namespace pinscope::values
