#include "plugin/host/process_stat.h"

namespace pinscope {

std::string_view stat_field(std::string_view text, int number) {
  const size_t bracket = text.rfind(')');
  if (bracket == std::string_view::npos || bracket + 2 > text.size()) return {};
  text.remove_prefix(bracket + 2);
  for (int field = 3; field < number; ++field) {
    const size_t blank = text.find(' ');
    if (blank == std::string_view::npos) return {};
    text.remove_prefix(blank + 1);
  }
  return text.substr(0, text.find(' '));
}

}  // namespace pinscope
