// What a record's text says of the container's process, without understanding the rest of it: for
// looks at many records, and for records that are damaged.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace pinscope::record {

struct Trace {
  pid_t pid = 0;
  uint64_t process_start = 0;    // as in model::Record
  uint64_t mount_namespace = 0;  // the same
};

// `text` may be the start of a record alone. Nothing if one of the three is not in it. What a
// record quotes of others cannot look like one of them: a quotation mark in it is escaped.
std::optional<Trace> trace_of(std::string_view text);

}  // namespace pinscope::record
