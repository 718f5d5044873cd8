// The words of a key that somebody typed, with the fields that it says they are. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::values {

struct KeyWord {
  std::string path;    // as KeyLeaf::name: "inner.port", "ports[1]"
  bool named = false;  // a name was given: the path is more than a place in order
  std::string text;    // without quotes and escapes; may have NULs
};

// `text`: JSON, text as a key is printed, or words with commas. kUsage, with a reason only.
Result<std::vector<KeyWord>> words_of_key(std::string_view text);

}  // namespace pinscope::values
