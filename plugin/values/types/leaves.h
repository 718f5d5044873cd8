// The flat list of a key's scalars, by its type.
#pragma once

#include <bpf/btf.h>

#include "plugin/values/types/key_leaf.h"

namespace pinscope::values {

// Empty where key_leaf.h says so.
KeyLeaves leaves_of(const btf* types, uint32_t id, uint32_t key_size);

}  // namespace pinscope::values
