// How large a map may become and how much memory it takes, without a look at its elements: to count
// those of a hash takes a walk through all of its buckets, which holds up the kernel.
#pragma once

#include <cstdint>
#include <optional>

#include "plugin/base/result.h"

namespace pinscope::kernel {

struct MapSize {
  uint32_t max_entries = 0;
  // Bytes, as the kernel says it in a descriptor's fdinfo ("memlock"). Since Linux 6.4 that of a
  // hash without preallocation follows the number of its elements (kernel/bpf/hashtab.c,
  // htab_map_mem_usage). Nothing if the kernel does not say it.
  std::optional<uint64_t> memory;
};

// Of the map with this id, opened for reading; nothing if there is none any more. Needs
// CAP_SYS_ADMIN.
Result<std::optional<MapSize>> map_size(uint32_t id);

}  // namespace pinscope::kernel
