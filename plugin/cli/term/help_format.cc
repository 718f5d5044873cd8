#include "plugin/cli/term/help_format.h"

#include <CLI/CLI.hpp>

#include "plugin/base/text.h"
#include "plugin/cli/term/table.h"

namespace pinscope::cli {
namespace {

constexpr size_t kWidth = 80;
constexpr size_t kColumn = 26;  // where descriptions begin

// "  NAME    description", or the description below where the name is too long.
std::string entry(const std::string& name, const std::string& description) {
  std::string text = "  " + name;
  if (description.empty()) return text + "\n";
  if (text.size() + 2 > kColumn)
    text += "\n" + std::string(kColumn, ' ');
  else
    text.resize(kColumn, ' ');
  return text + wrapped(description, kWidth, kColumn, kColumn) + "\n";
}

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    return entry(make_option_name(option, is_positional) + make_option_opts(option),
                 make_option_desc(option));
  }
  std::string make_subcommand(const CLI::App* command) const override {
    return entry(command->get_name(), command->get_description());
  }
  std::string make_description(const CLI::App* app) const override {
    return wrapped(app->get_description(), kWidth, 0) + "\n";
  }
  std::string make_footer(const CLI::App* app) const override {
    return app->get_footer().empty() ? "" : wrapped(app->get_footer(), kWidth, 0) + "\n";
  }
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
    const size_t length = display_width(std::string(word));
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

std::shared_ptr<CLI::Formatter> help_formatter() {
  return std::make_shared<HelpFormatter>();
}

}  // namespace pinscope::cli
