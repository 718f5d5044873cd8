// A map of any type that the running kernel has, for tests that go through all of them.
#pragma once

#include <cstdint>
#include <optional>

#include "plugin/base/fd.h"

namespace pinscope::test {

// Nothing if this kernel has no such maps; errno says how it refused. A struct_ops map is a TCP
// congestion control called "pinscope_test" that has its value and waits for a link to register it.
std::optional<Fd> make_map_of_type(uint32_t type);

// A program that sockmaps take: it lets every byte pass.
Fd make_stream_verdict();

}  // namespace pinscope::test
