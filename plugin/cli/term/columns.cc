#include "plugin/cli/term/columns.h"

#include <clocale>
#include <cwchar>

#include "plugin/base/text.h"

namespace pinscope::cli {
namespace {

// This thread reads characters as UTF-8 while this lives, whatever LANG says: root's shell and a
// service have the locale "C", and names are UTF-8 all the same.
class Utf8Locale {
 public:
  Utf8Locale() : before_(::uselocale(of_utf8())) {}
  ~Utf8Locale() { ::uselocale(before_); }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  // Null where the C library has none; uselocale(3) then changes nothing.
  static locale_t of_utf8() {
    static const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return locale;
  }
  locale_t before_;
};

// Appends one line of text, which has no line feeds.
void append_wrapped(std::string& out, std::string_view line, size_t width, size_t indent,
                    size_t start) {
  // What is arranged in columns stays as it is.
  if (line.starts_with(' ')) {
    out += line;
    return;
  }
  size_t column = start;
  bool at_start = true;
  for (const auto word : split(line, ' ')) {
    const size_t length = display_width(word);
    if (!at_start && column + 1 + length > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
      at_start = true;
    }
    if (!at_start) {
      out += ' ';
      ++column;
    }
    out += word;
    column += length;
    at_start = false;
  }
}

}  // namespace

size_t display_width(std::string_view text) {
  const Utf8Locale locale;
  size_t width = 0;
  std::mbstate_t state{};
  while (!text.empty()) {
    wchar_t character = 0;
    const size_t length = std::mbrtowc(&character, text.data(), text.size(), &state);
    const bool is_character = length > 0 && length <= text.size();
    if (!is_character) state = {};
    text.remove_prefix(is_character ? length : 1);
    const int columns = is_character ? ::wcwidth(character) : 1;
    width += columns < 0 ? 1 : static_cast<size_t>(columns);
  }
  return width;
}

std::string wrapped(std::string_view text, size_t width, size_t indent, size_t start) {
  std::string out;
  bool is_first = true;
  for (const auto line : split(text, '\n')) {
    if (!is_first) out += "\n" + std::string(indent, ' ');
    append_wrapped(out, line, width, indent, is_first ? start : indent);
    is_first = false;
  }
  return out;
}

}  // namespace pinscope::cli
