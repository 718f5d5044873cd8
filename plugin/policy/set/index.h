// The keys by which a container finds the policies that may select it. Used by compiled.cc alone.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "plugin/model/container.h"
#include "plugin/model/policy.h"

namespace pinscope::policy {

// Two lists that together hold each policy: by the hash of a key that a container must have, and
// those that any container may be selected by.
struct Index {
  std::vector<std::pair<uint64_t, uint32_t>> entries;  // hash, position; sorted
  std::vector<uint32_t> unindexed;                     // positions; sorted
};

// Each policy goes under that of its exact keys which the fewest policies share; under each
// alternative, where the key lists several. A key with a glob is not exact, and a namespace's path
// is not either: the container may name the same namespace by another.
Index make_index(const std::vector<model::Policy>& policies);

// Hashes of all keys that the container has.
std::vector<uint64_t> keys_of(const model::Container& container);

}  // namespace pinscope::policy
