// Errors about text that is not JSON, for both of its readers (json.cc and outline.cc). Internal to
// json/.
#pragma once

#include <string>
#include <string_view>

#include "plugin/base/result.h"

namespace pinscope {

// `cannot read "a.json": 3:7: REASON`, with the line and column (from 1) of `offset` in `text`.
Error json_syntax_error(std::string_view text, size_t offset, std::string_view reason,
                        std::string_view name, ErrorCode code);

// Refuses a NUL byte and what is not UTF-8. Called before the library, because it takes eight bytes
// at a time, several times faster than the library's own check.
Status check_json_bytes(std::string_view text, std::string_view name, ErrorCode code);

}  // namespace pinscope
