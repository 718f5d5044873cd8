#include "plugin/cli/report/markup.h"

#include <sstream>

#include "plugin/base/text.h"

namespace pinscope::cli {

Element Element::add(const char* name) {
  return Element(node_.append_child(name));
}

Element& Element::text(std::string_view text) {
  node_.append_child(pugi::node_pcdata).set_value(one_line(text).c_str());
  return *this;
}

Element& Element::set(const char* attribute, std::string_view value) {
  node_.append_attribute(attribute).set_value(one_line(value).c_str());
  return *this;
}

std::string markup_of(const pugi::xml_node& parent) {
  std::ostringstream text;
  for (const auto& child : parent.children())
    child.print(text, "", pugi::format_indent | pugi::format_no_empty_element_tags,
                pugi::encoding_utf8);
  return std::move(text).str();
}

}  // namespace pinscope::cli
