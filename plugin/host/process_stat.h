// The fields of a process's stat file in /proc.
#pragma once

#include <string_view>

namespace pinscope {

// One of the fields from the third on in the text of a stat file, as proc(5) numbers them. The
// second field, the command's name, may hold anything, so counting starts behind the last bracket.
// Empty if there is no such field.
std::string_view stat_field(std::string_view text, int number);

}  // namespace pinscope
