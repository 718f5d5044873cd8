// Shell completion, made from the command tree: a command or an option that is added later is
// completed without anybody thinking of it.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace pinscope::cli {

// The command tree as completion and the man page test need it.
struct OptionDescription {
  std::vector<std::string> names = {};  // "-o", "--output"
  std::string description = {};
  std::string value = {};                 // "FORMAT"; empty for a flag
  std::vector<std::string> choices = {};  // the values there are, where there are few
};
struct CommandDescription {
  std::string name;  // empty for the program itself
  std::string description = {};
  std::vector<OptionDescription> options = {};
  std::vector<OptionDescription> arguments = {};
};

// The program first, then each command.
std::vector<CommandDescription> describe(const CLI::App& root);

std::string bash_completion(const std::vector<CommandDescription>& commands);
std::string zsh_completion(const std::vector<CommandDescription>& commands);
std::string fish_completion(const std::vector<CommandDescription>& commands);

}  // namespace pinscope::cli
