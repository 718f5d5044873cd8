// What the commands of `pinscope` share: settings, options, output, exit status. CLI11 is known to
// the .cc files of the command tree only: its header is large.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/cli/term/terminal.h"
#include "plugin/pipeline/options.h"

namespace CLI {
class App;
}

namespace pinscope::cli {

enum ExitStatus : int {
  kExitOk = 0,
  kExitFailure = 1,
  kExitUsage = 2,
  kExitDiffers = 3,  // of `diff`: something would be otherwise, and nothing wider
  kExitWidens = 4,   // of `diff`: somebody would get more, or may
};

struct Settings {
  HookOptions hook;  // what commands share with the hook: where policies and records are
  std::string output = "table";
  std::string colour = "auto";
  // The shared options that are on the command line, with the words that were given.
  std::map<std::string, std::string, std::less<>> given = {};

  [[nodiscard]] bool json() const { return output == "json"; }
  // The colours of standard output.
  [[nodiscard]] Palette palette() const;
};

// The parsed command line: settings, and what to run. Commands get it by reference before anything
// is parsed and keep that reference.
struct Program {
  Settings settings;
  std::function<Result<ExitStatus>()> chosen;
};

// A command in the making: its options and arguments. Variables must outlive the parsing; what a
// command's run function needs is best held by a shared_ptr that the function keeps.
class Command {
 public:
  explicit Command(CLI::App& app) : app_(app) {}

  // `names`: "-o,--output". `value`: the placeholder for the value in the help, which also says how
  // to complete it: PATH, FILE, DIR, ID,
  // CONTAINER; anything else is not completed.
  Command& option(const std::string& names, std::string& variable, const std::string& value,
                  const std::string& description);
  Command& required_option(const std::string& names, std::string& variable,
                           const std::string& value, const std::string& description);
  // May be given several times, one value each. A `value` of words ("a|b") completes them.
  Command& repeatable_option(const std::string& names, std::vector<std::string>& variable,
                             const std::string& value, const std::string& description);
  Command& number(const std::string& names, size_t& variable, const std::string& value,
                  const std::string& description);
  // The same, of which it counts whether it was given.
  Command& number(const std::string& names, std::optional<size_t>& variable,
                  const std::string& value, const std::string& description);
  Command& flag(const std::string& names, bool& variable, const std::string& description);
  // An option that takes one of a few words.
  Command& choice(const std::string& names, std::string& variable,
                  const std::vector<std::string>& choices, const std::string& description);
  // Positional arguments: argument() takes exactly one, optional_argument() one or none,
  // choice_argument() one of a few words, or none if the variable has a default; arguments() any
  // number.
  Command& argument(const std::string& name, std::string& variable, const std::string& description);
  Command& optional_argument(const std::string& name, std::string& variable,
                             const std::string& description);
  Command& choice_argument(const std::string& name, std::string& variable,
                           const std::vector<std::string>& choices, const std::string& description);
  Command& arguments(const std::string& name, std::vector<std::string>& variable,
                     const std::string& description);
  // Everything from the first word that is no option of this command, or behind "--": another
  // program's command line.
  Command& command_line(const std::string& name, std::vector<std::string>& variable,
                        const std::string& description);
  // The text that the help ends with.
  Command& footer(const std::string& text);

  // The options of these names that the programs share (plugin/pipeline/options.h): --policy.
  Command& shared_options(Settings& settings, std::initializer_list<std::string_view> names);
  // All of them.
  Command& shared_options(Settings& settings);
  Command& colour_option(Settings& settings);
  // --output and --color.
  Command& output_options(Settings& settings);

 private:
  CLI::App& app_;
};

// Hangs a command into the tree; `run` is called after everything is parsed.
Command add_command(CLI::App& root, Program& program, const std::string& name,
                    const std::string& description, std::function<Result<ExitStatus>()> run);

// An error if the shared option `name` is on the command line and nothing is at the path that it
// gives. Where a default is not there, nothing was installed or recorded yet.
Status check_given_path(const Settings& settings, std::string_view name);

// Writes `text` to standard output, through for_terminal() of base/text.h. A failed write shows in
// the exit status (see main.cc).
void print(std::string_view text);
// `pinscope: <sentence>` to standard error.
void report(const Error& error);
void report(std::string_view sentence);

}  // namespace pinscope::cli
