// The flat list of a key's scalars, by its type.
#pragma once

#include <bpf/btf.h>

#include "plugin/values/types/key_leaf.h"

namespace pinscope::values {

// Empty where key_leaf.h says so. `prefix`: it is the key of an LPM trie, and is_prefix(); the keys
// of other maps may look the same and are none.
KeyLeaves leaves_of(const btf* types, uint32_t id, uint32_t key_size, bool prefix);

}  // namespace pinscope::values
