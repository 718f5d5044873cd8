// `pinscope help`: the help of a command, as its --help prints it.
#include <CLI/CLI.hpp>
#include <memory>

#include "plugin/cli/commands.h"
#include "plugin/cli/term/usage.h"

namespace pinscope::cli {

void add_help(CLI::App& root, Program& program) {
  auto words = std::make_shared<std::vector<std::string>>();
  add_command(root, program, "help", "Print the help of a command",
              [&root, words]() -> Result<ExitStatus> {
                if (words->empty()) {
                  // help() would print that of the command that was parsed, which is this one.
                  print(root.get_formatter()->make_help(&root, root.get_name(),
                                                        CLI::AppFormatMode::Normal));
                  return kExitOk;
                }
                const std::string& name = words->front();
                if (const auto refusal = refuse_unknown_command(root, name); !refusal.empty()) {
                  report(refusal);
                  return kExitUsage;
                }
                print(root.get_subcommand(name)->help(root.get_name()));
                return kExitOk;
              })
      .arguments("COMMAND", *words, "The command (default: the list of commands)")
      .footer("Exit status: 0 done; 2 no such command.");
}

}  // namespace pinscope::cli
