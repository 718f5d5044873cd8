// How --help looks: no line is wider than a terminal of 80 columns, and lines end between words.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace CLI {
class Formatter;
}

namespace pinscope::cli {

// `text` in lines of at most `width` columns that end between words. All but the first begin with
// `indent` blanks, and the first begins at column `start`. Line feeds in `text` stay. A word that
// is longer than a line has one of its own.
std::string wrapped(std::string_view text, size_t width, size_t indent, size_t start = 0);

// For the root of the command tree, before commands are hung into it: they inherit it.
std::shared_ptr<CLI::Formatter> help_formatter();

}  // namespace pinscope::cli
