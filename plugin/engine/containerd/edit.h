// How a line of ours gets into containerd's root file and out again.
#pragma once

#include <cstdint>
#include <string>

#include "plugin/base/result.h"

namespace pinscope::engine {

// Edits of the root file's text. Each keeps everything else byte for byte, and is checked by
// reading the result: what the file said before must still be in it. `name` is for errors.
Result<std::string> add_import(const std::string& text, const std::string& pattern,
                               const std::string& name);
Result<std::string> add_block(const std::string& text, const std::string& block,
                              const std::string& name);
Result<std::string> set_default_runtime(const std::string& text, int64_t version,
                                        const std::string& name);
// The last two undone, as far as they are there; and all three. Tables whose marks are gone,
// because another tool wrote the file anew, are known by the shim that they name.
std::string take_out_settings(const std::string& text);
std::string take_out_ours(const std::string& text, const std::string& pattern);

}  // namespace pinscope::engine
