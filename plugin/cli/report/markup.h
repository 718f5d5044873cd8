// Elements of a page or a drawing. Every text and attribute goes through one_line(), and pugixml
// writes what is markup as entities: a name that a container chose is a name in the output,
// whatever it is made of.
#pragma once

#include <pugixml.hpp>

#include <concepts>
#include <string>
#include <string_view>

namespace pinscope::cli {

class Element {
 public:
  explicit Element(pugi::xml_node node) : node_(node) {}

  // The new last child. Elements belong to their document.
  Element add(const char* name);  // NOLINT(readability-make-member-function-const)
  Element add(const char* name, std::string_view text) { return add(name).text(text); }

  Element& text(std::string_view text);
  Element& set(const char* attribute, std::string_view value);
  template <std::integral Number>
  Element& set(const char* attribute, Number value) {
    return set(attribute, std::string_view(std::to_string(value)));
  }

 private:
  pugi::xml_node node_;
};

// The children of `parent`, each on a line of its own. No element is written as <a/>: HTML knows
// that for a few names only.
std::string markup_of(const pugi::xml_node& parent);

}  // namespace pinscope::cli
