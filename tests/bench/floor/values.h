// The least that a file system by libfuse can be, beside which that of values is measured: one file
// whose content stands in memory, and a directory of names that are made from a counter.
#pragma once

#include <cstdint>

namespace pinscope::bench {

// Serves a mounted /dev/fuse until it ends: "value" with a value's content, and "keys" with so many
// names of the length that keys of four bytes have.
[[noreturn]] void serve_floor_of_values(int device, uint64_t names);

}  // namespace pinscope::bench
