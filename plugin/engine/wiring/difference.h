// What is different between two texts, for people.
#pragma once

#include <string>
#include <string_view>

namespace pinscope::engine {

// The lines that differ, with three lines around each place, in the manner of diff -u but not for
// patch(1): indented by two blanks, safe on a terminal. Empty if the texts have the same lines.
std::string difference(std::string_view before, std::string_view after);

// Every line of `text` as one that is added.
std::string whole(std::string_view text);

}  // namespace pinscope::engine
