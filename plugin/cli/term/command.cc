#include "plugin/cli/term/command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cctype>
#include <cerrno>
#include <cstdio>

#include "plugin/base/text.h"
#include "plugin/cli/term/usage.h"

namespace pinscope::cli {
namespace {

// The words are the option's type name, too ("table|json"), which is where help and completion find
// them.
void restrict_to(CLI::Option& option, const std::vector<std::string>& choices) {
  std::string type_name;
  for (const auto& choice : choices) type_name += (type_name.empty() ? "" : "|") + choice;
  option.type_name(type_name)->check([choices, type_name](const std::string& value) {
    for (const auto& choice : choices)
      if (choice == value) return std::string();
    return pinscope::quoted(value) + " is none of " + type_name + did_you_mean(value, choices);
  });
}

// CLI11 would take -3 for a very large number.
void check_number(CLI::Option& option, const std::string& value) {
  option.type_name(value)->check([](const std::string& word) {
    return parse_unsigned(word) ? std::string() : pinscope::quoted(word) + " is no number";
  });
}

}  // namespace

Palette Settings::palette() const {
  return Palette(wants_colour(colour, STDOUT_FILENO));
}

Command& Command::option(const std::string& names, std::string& variable, const std::string& value,
                         const std::string& description) {
  app_.add_option(names, variable, description)->type_name(value);
  return *this;
}

Command& Command::required_option(const std::string& names, std::string& variable,
                                  const std::string& value, const std::string& description) {
  app_.add_option(names, variable, description)->type_name(value)->required();
  return *this;
}

Command& Command::repeatable_option(const std::string& names, std::vector<std::string>& variable,
                                    const std::string& value, const std::string& description) {
  app_.add_option(names, variable, description)->type_name(value)->allow_extra_args(false);
  return *this;
}

Command& Command::number(const std::string& names, size_t& variable, const std::string& value,
                         const std::string& description) {
  check_number(*app_.add_option(names, variable, description), value);
  return *this;
}

Command& Command::number(const std::string& names, std::optional<size_t>& variable,
                         const std::string& value, const std::string& description) {
  check_number(*app_.add_option(names, variable, description), value);
  return *this;
}

Command& Command::flag(const std::string& names, bool& variable, const std::string& description) {
  app_.add_flag(names, variable, description);
  return *this;
}

Command& Command::choice(const std::string& names, std::string& variable,
                         const std::vector<std::string>& choices, const std::string& description) {
  restrict_to(*app_.add_option(names, variable, description), choices);
  return *this;
}

Command& Command::argument(const std::string& name, std::string& variable,
                           const std::string& description) {
  app_.add_option(name, variable, description)->type_name("")->required();
  return *this;
}

Command& Command::optional_argument(const std::string& name, std::string& variable,
                                    const std::string& description) {
  app_.add_option(name, variable, description)->type_name("");
  return *this;
}

Command& Command::choice_argument(const std::string& name, std::string& variable,
                                  const std::vector<std::string>& choices,
                                  const std::string& description) {
  CLI::Option& option = *app_.add_option(name, variable, description)->required(variable.empty());
  restrict_to(option, choices);
  return *this;
}

Command& Command::arguments(const std::string& name, std::vector<std::string>& variable,
                            const std::string& description) {
  app_.add_option(name, variable, description)->type_name("");
  return *this;
}

Command& Command::command_line(const std::string& name, std::vector<std::string>& variable,
                               const std::string& description) {
  app_.positionals_at_end();
  app_.add_option(name, variable, description)->type_name("");
  return *this;
}

Command& Command::footer(const std::string& text) {
  app_.footer(text);
  return *this;
}

Command& Command::shared_options(Settings& settings,
                                 std::initializer_list<std::string_view> names) {
  for (const auto name : names) {
    const pinscope::Option& shared = *find_option(name, pinscope::Option::kCommandLine);
    std::string description = describe(shared);
    description[0] = static_cast<char>(std::toupper(description[0]));
    app_.add_option("--" + std::string(name), shared.path(settings.hook), description)
        ->type_name(shared.value)
        ->each([&settings, name](const std::string& word) {
          settings.given.insert_or_assign(std::string(name), word);
        });
  }
  return *this;
}

Command& Command::shared_options(Settings& settings) {
  return shared_options(settings, {"policy", "state-dir", "cache-dir", "audit"});
}

Command& Command::colour_option(Settings& settings) {
  return choice("--color", settings.colour, {"auto", "always", "never"},
                "Colours (default auto: on a terminal, unless NO_COLOR is set)");
}

Command& Command::output_options(Settings& settings) {
  choice("-o,--output", settings.output, {"table", "json"},
         "table for people (the default), json for programs");
  return colour_option(settings);
}

Command add_command(CLI::App& root, Program& program, const std::string& name,
                    const std::string& description, std::function<Result<ExitStatus>()> run) {
  CLI::App& command = *root.add_subcommand(name, description);
  command.callback([&program, run = std::move(run)] { program.chosen = run; });
  return Command(command);
}

Status check_given_path(const Settings& settings, std::string_view name) {
  const auto given = settings.given.find(name);
  if (given == settings.given.end() || ::access(given->second.c_str(), F_OK) == 0) return {};
  return std::unexpected(
      Error::system("use --" + std::string(name) + " " + pinscope::quoted(given->second), errno));
}

void print(std::string_view text) {
  const std::string safe = for_terminal(text);
  std::fwrite(safe.data(), 1, safe.size(), stdout);
}

void report(const Error& error) {
  report(error.sentence());
}

void report(std::string_view sentence) {
  const std::string line = "pinscope: " + one_line(sentence) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace pinscope::cli
