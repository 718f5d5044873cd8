#include "plugin/cli/term/xml.h"

namespace pinscope::cli {

std::string xml_escaped(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("\xef\xbf\xbe") || rest.starts_with("\xef\xbf\xbf")) {
      result += "?";
      i += 2;
      continue;
    }
    switch (text[i]) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default: {
        const bool is_control = static_cast<unsigned char>(text[i]) < ' ';
        result += is_control && text[i] != '\n' && text[i] != '\t' ? '?' : text[i];
      }
    }
  }
  return result;
}

}  // namespace pinscope::cli
