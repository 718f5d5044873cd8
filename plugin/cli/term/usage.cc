#include "plugin/cli/term/usage.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/json/json.h"

namespace pinscope::cli {
namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& root) {
  return root.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<std::string> command_names(const CLI::App& root) {
  std::vector<std::string> names;
  for (const CLI::App* command : commands_of(root)) names.push_back(command->get_name());
  return names;
}

// The command that the first word names, or the program itself.
const CLI::App& command_of(const CLI::App& root, const std::vector<std::string>& words) {
  for (const CLI::App* command : commands_of(root))
    if (!words.empty() && command->get_name() == words.front()) return *command;
  return root;
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

// What was left over: an option that there is not, or a word too many.
std::string leftover(const CLI::App& root, const CLI::App& command) {
  const auto words = root.remaining(true);
  const auto option = std::ranges::find_if(
      words, [](const std::string& word) { return word.size() > 1 && word.starts_with('-'); });
  if (option != words.end()) {
    const std::string name = option->substr(0, option->find('='));
    return "unknown option " + pinscope::quoted(name) + did_you_mean(name, option_names(command));
  }
  return words.empty() ? "" : "unexpected argument " + pinscope::quoted(words.front());
}

}  // namespace

std::string did_you_mean(std::string_view word, const std::vector<std::string>& names) {
  const auto near = nearest(word, {names.begin(), names.end()});
  return near.empty() ? "" : "; did you mean " + pinscope::quoted(near) + "?";
}

std::string refuse_unknown_command(const CLI::App& root, const std::string& word) {
  const auto names = command_names(root);
  if (word.starts_with('-') || std::ranges::find(names, word) != names.end()) return "";
  return "unknown command " + pinscope::quoted(word) + did_you_mean(word, names) +
         " (see pinscope --help)";
}

std::string explain_usage_error(const CLI::App& root, const std::vector<std::string>& words,
                                const CLI::Error& error) {
  const CLI::App& command = command_of(root, words);
  const bool is_root = &command == &root;
  std::string sentence;
  // Of an option in place of a command CLI11 would say that a command is required.
  if (is_root || error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError))
    sentence = leftover(root, command);
  if (sentence.empty()) sentence = error.what();
  while (sentence.ends_with('\n') || sentence.ends_with('.')) sentence.pop_back();
  return sentence + " (see pinscope " + (is_root ? "" : command.get_name() + " ") + "--help)";
}

bool asks_for_json(const std::vector<std::string>& words) {
  if (!words.empty() && words.front() == "run") return false;  // those are another program's words
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--") return false;
    for (const std::string_view option : {"-o", "--output", "--format"}) {
      const bool follows = words[i] == option && i + 1 < words.size() && words[i + 1] == "json";
      const std::string_view equals = option == "-o" ? "" : "=";
      if (follows || words[i] == std::string(option).append(equals) + "json") return true;
    }
  }
  return false;
}

std::string error_as_json(std::string_view code, std::string_view sentence) {
  JsonWriter json;
  json.object().key("error").object().field("code", code).field("message", sentence);
  json.end().end();
  return json.take() + "\n";
}

}  // namespace pinscope::cli
