// Text in the columns of a terminal: how many it takes, and lines that end between words.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pinscope::cli {

// How many columns UTF-8 text takes: two for a wide character, none for an accent that is a
// character of its own, one for a byte that belongs to none.
size_t display_width(std::string_view text);

// `text` in lines of at most `width` columns that end between words. All but the first begin with
// `indent` blanks, and the first begins at column `start`. Line feeds in `text` stay. A word that
// is longer than a line has one of its own.
std::string wrapped(std::string_view text, size_t width, size_t indent, size_t start = 0);

}  // namespace pinscope::cli
