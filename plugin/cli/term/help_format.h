// How --help looks: no line is wider than a terminal of 80 columns, and lines end between words.
#pragma once

#include <memory>

namespace CLI {
class Formatter;
}

namespace pinscope::cli {

// For the root of the command tree, before commands are hung into it: they inherit it.
std::shared_ptr<CLI::Formatter> help_formatter();

}  // namespace pinscope::cli
