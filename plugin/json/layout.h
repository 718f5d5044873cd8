// The layout of a JSON text, and how new text gets the same one. Internal to json/.
#pragma once

#include <string>
#include <string_view>

#include "plugin/json/outline.h"

namespace pinscope {

struct JsonLayout {
  enum class Style {
    kCompact,  // {"a":1,"b":2}
    kSpaced,   // {"a": 1, "b": 2}
    kLines,    // every member on a line of its own
  } style = Style::kCompact;
  std::string newline = "\n";
  std::string unit;    // one level of indentation
  std::string indent;  // of the line on which the text begins
};

// The layout in which a new member or element of the container `node` belongs: that of the last one
// that it has, or else of the document; `indent` is that of the new line.
JsonLayout layout_inside(std::string_view text, const JsonOutline& outline, size_t node);

// The white space in front of the first byte of the line that holds `offset`.
std::string_view indent_at(std::string_view text, size_t offset);

// The JSON text that `outline` was made of, laid out anew; the values stay as they are written.
std::string lay_out(std::string_view text, const JsonOutline& outline, const JsonLayout& layout);

}  // namespace pinscope
