#include "plugin/cli/term/help_format.h"

#include <CLI/CLI.hpp>

#include "plugin/cli/term/columns.h"

namespace pinscope::cli {
namespace {

constexpr size_t kWidth = 80;
constexpr size_t kColumn = 26;  // where descriptions begin
constexpr size_t kIndent = 4;   // of a name's further lines

// A name with many choices, in lines that end behind one of them.
std::string in_lines(std::string text) {
  for (size_t line = 0; text.size() - line > kWidth;) {
    const size_t bar = text.rfind('|', line + kWidth - 1);
    if (bar == std::string::npos || bar <= line) break;
    text.insert(bar + 1, "\n" + std::string(kIndent, ' '));
    line = bar + 2;
  }
  return text;
}

// "  NAME    description", or the description below where the name is too long.
std::string entry(const std::string& name, const std::string& description) {
  std::string text = in_lines("  " + name);
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

}  // namespace

std::shared_ptr<CLI::Formatter> help_formatter() {
  return std::make_shared<HelpFormatter>();
}

}  // namespace pinscope::cli
