#include "plugin/policy/language/braces.h"

namespace pinscope::policy {

bool has_alternatives_in_braces(std::string_view pattern) {
  bool is_open = false;
  bool has_comma = false;
  for (size_t at = 0; at < pattern.size(); ++at) {
    switch (pattern[at]) {
      case '\\':
        ++at;
        break;
      case '[':
        // A "]" that comes first is a member.
        at = pattern.find(']', at + (pattern.substr(at).starts_with("[!") ? 3 : 2));
        if (at == std::string_view::npos) return false;
        break;
      case '{':
        has_comma = has_comma && is_open;
        is_open = true;
        break;
      case ',':
        has_comma = has_comma || is_open;
        break;
      case '}':
        if (is_open && has_comma) return true;
        is_open = has_comma = false;
        break;
      default:
        break;
    }
  }
  return false;
}

}  // namespace pinscope::policy
