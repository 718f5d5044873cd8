// Executes a print program over the bytes of a key or a value.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "plugin/values/types/program.h"
#include "plugin/values/types/sink.h"

namespace pinscope::values {

// `bytes` has program.bytes at least. `cpus`: more than one to print what they have together.
void print(Sink& out, const Program& program, std::span<const std::byte> bytes, Cpus cpus = {});

// "hex:0a0b"
void print_hex(Sink& out, std::span<const std::byte> bytes);

// The text of a char array as the inside of a JSON string: quotes, control characters and what
// disturbs a terminal are escaped; bytes that are not UTF-8 become U+FFFD.
void print_escaped(Sink& out, std::string_view text);

}  // namespace pinscope::values
