// Colours for people, switched once by --color, NO_COLOR and what standard output is.
#pragma once

#include <string>
#include <string_view>

namespace pinscope::cli {

enum class Colour { kPlain, kBold, kDim, kRed, kGreen, kYellow };

// Paints text, or leaves it as it is where colours are off.
class Palette {
 public:
  explicit Palette(bool enabled) : enabled_(enabled) {}
  [[nodiscard]] bool enabled() const { return enabled_; }
  [[nodiscard]] std::string paint(Colour colour, std::string_view text) const;

 private:
  bool enabled_;
};

// `when` is "auto", "always" or "never". "auto": only on a terminal that is not "dumb", and not if
// NO_COLOR is set and not empty (no-color.org).
bool wants_colour(std::string_view when, int fd);

}  // namespace pinscope::cli
