#include "plugin/cli/term/terminal.h"

#include <unistd.h>

#include <cstdlib>

namespace pinscope::cli {
namespace {

// Select Graphic Rendition parameters (ECMA-48, 8.3.117).
const char* parameter(Colour colour) {
  switch (colour) {
    case Colour::kPlain:
      return "";
    case Colour::kBold:
      return "1";
    case Colour::kDim:
      return "2";
    case Colour::kRed:
      return "31";
    case Colour::kGreen:
      return "32";
    case Colour::kYellow:
      return "33";
  }
  return "";
}

}  // namespace

std::string Palette::paint(Colour colour, std::string_view text) const {
  if (!enabled_ || colour == Colour::kPlain || text.empty()) return std::string(text);
  return "\x1b[" + std::string(parameter(colour)) + "m" + std::string(text) + "\x1b[0m";
}

bool wants_colour(std::string_view when, int fd) {
  if (when == "always") return true;
  if (when == "never") return false;
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* terminal = std::getenv("TERM");
  if (terminal == nullptr || std::string_view(terminal) == "dumb") return false;
  return ::isatty(fd) == 1;
}

}  // namespace pinscope::cli
