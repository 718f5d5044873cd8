#include "plugin/cli/term/completion.h"

#include <CLI/CLI.hpp>

#include "plugin/base/text.h"

namespace pinscope::cli {
namespace {

OptionDescription describe_option(const CLI::Option& option) {
  OptionDescription description;
  for (const auto& name : option.get_snames()) description.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) description.names.push_back("--" + name);
  description.description = option.get_description();
  if (option.get_positional()) {
    description.value = option.get_name(true);
  } else if (option.get_items_expected_max() > 0) {
    description.value = option.get_type_name();
  }
  const std::string type_name = option.get_type_name();
  if (type_name.find('|') != std::string::npos)
    for (const auto choice : split(type_name, '|')) description.choices.emplace_back(choice);
  return description;
}

CommandDescription describe_command(const CLI::App& app) {
  CommandDescription command;
  command.name = app.get_parent() == nullptr ? "" : app.get_name();
  command.description = app.get_description();
  for (const CLI::Option* option : app.get_options()) {
    auto& list = option->get_positional() ? command.arguments : command.options;
    list.push_back(describe_option(*option));
  }
  return command;
}

std::vector<std::string> command_names(const std::vector<CommandDescription>& commands) {
  std::vector<std::string> names;
  for (const auto& command : commands)
    if (!command.name.empty()) names.push_back(command.name);
  return names;
}

std::vector<std::string> option_names(const CommandDescription& command) {
  std::vector<std::string> names;
  for (const auto& option : command.options)
    names.insert(names.end(), option.names.begin(), option.names.end());
  return names;
}

// `text` with a backslash before each of `special`.
std::string escaped(const std::string& text, std::string_view special) {
  std::string out;
  for (const char byte : text) {
    if (special.find(byte) != std::string_view::npos) out += '\\';
    out += byte;
  }
  return out;
}

// Inside single quotes a POSIX shell knows no escape: the quote itself is written outside of them.
std::string without_quotes(const std::string& text) {
  std::string out;
  for (const char byte : text) out += byte == '\'' ? std::string("'\\''") : std::string(1, byte);
  return out;
}

bool is_path(const OptionDescription& option) {
  return option.value == "PATH" || option.value == "FILE";
}

// The ids of the containers that have a view, at the moment of the completion.
constexpr const char* kListIds =
    "pinscope list --full-ids --color never 2>/dev/null | tail -n +2 | cut -d ' ' -f 1";

// Adds the ids that begin with the word. Not by `compgen -W`, which expands its list as the shell
// does: whoever names a container "$(reboot)" would run that. What is offered is quoted, because
// the shell takes it into the command line as it is.
std::string bash_ids() {
  return "_pinscope_ids() {\n"
         "  local id\n"
         "  while IFS= read -r id; do\n"
         "    [[ $id == \"$word\"* ]] && COMPREPLY+=(\"$(printf %q \"$id\")\")\n"
         "  done < <(" +
         std::string(kListIds) +
         ")\n"
         "  return 0\n"
         "}\n";
}

std::string bash_values(const OptionDescription& option) {
  if (!option.choices.empty())
    return "mapfile -t COMPREPLY < <(compgen -W '" + joined(option.choices, " ") +
           "' -- \"$word\")";
  if (is_path(option))
    return "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$word\")";
  if (option.value == "DIR")
    return "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$word\")";
  if (option.value == "ID") return "_pinscope_ids";
  if (option.value == "CONTAINER")
    return "if [[ $word == */* ]]; then compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d "
           "-- "
           "\"$word\"); else _pinscope_ids; fi";
  return ":";
}

// The first argument stands behind the command; the last may be repeated.
std::string bash_arguments(const CommandDescription& command) {
  std::string first = bash_values(command.arguments.front());
  if (command.arguments.size() == 1) return first;
  return "if [[ $previous == \"$command\" ]]; then " + first + "; else " +
         bash_values(command.arguments.back()) + "; fi";
}

std::string zsh_values(const OptionDescription& option) {
  if (!option.choices.empty()) return "(" + joined(option.choices, " ") + ")";
  if (is_path(option)) return "_files";
  if (option.value == "DIR") return "_files -/";
  if (option.value == "ID" || option.value == "CONTAINER")
    return "{compadd -- $(" + without_quotes(kListIds) + ")}";
  return " ";
}

std::string zsh_option(const OptionDescription& option) {
  const std::string description = "[" + escaped(option.description, "[]:\\") + "]";
  std::string value;
  if (!option.value.empty()) value = ":" + escaped(option.value, ":") + ":" + zsh_values(option);
  std::string text;
  for (const auto& name : option.names)
    text += " \\\n        '(" + joined(option.names, " ") + ")" + name +
            without_quotes(description) + value + "'";
  return text;
}

std::string fish_option(const std::string& condition, const OptionDescription& option) {
  std::string text = "complete -c pinscope -n " + condition;
  for (const auto& name : option.names)
    text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (!option.choices.empty()) {
    text += " -x -a '" + joined(option.choices, " ") + "'";
  } else if (is_path(option)) {
    text += " -r -F";
  } else if (option.value == "DIR") {
    text += " -x -a '(__fish_complete_directories)'";
  } else if (option.value == "ID" || option.value == "CONTAINER") {
    text += " -x -a '(" + escaped(kListIds, "'\\") + ")'";
  } else if (!option.value.empty()) {
    text += " -x";
  }
  return text + " -d '" + escaped(option.description, "'\\") + "'\n";
}

}  // namespace

std::vector<CommandDescription> describe(const CLI::App& root) {
  std::vector<CommandDescription> commands = {describe_command(root)};
  for (const CLI::App* command : root.get_subcommands([](const CLI::App*) { return true; }))
    commands.push_back(describe_command(*command));
  return commands;
}

std::string bash_completion(const std::vector<CommandDescription>& commands) {
  std::string values;
  std::string words;
  for (const auto& command : commands) {
    for (const auto& option : command.options)
      if (!option.value.empty())
        for (const auto& name : option.names)
          values +=
              "    " + command.name + ":" + name + ") " + bash_values(option) + "; return ;;\n";
    auto names = option_names(command);
    if (command.name.empty()) {
      const auto all = command_names(commands);
      names.insert(names.begin(), all.begin(), all.end());
    }
    const std::string list =
        "mapfile -t COMPREPLY < <(compgen -W '" + joined(names, " ") + "' -- \"$word\")";
    words += "    '" + command.name + "')\n";
    if (command.arguments.empty()) {
      words += "      " + list + " ;;\n";
    } else {
      words += "      case $word in\n        -*) " + list + " ;;\n        *) " +
               bash_arguments(command) + " ;;\n      esac ;;\n";
    }
  }
  return "# bash completion for pinscope, made by `pinscope completion bash`\n" + bash_ids() +
         "_pinscope() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  local command= i\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case ${COMP_WORDS[i]} in\n"
         "      " +
         joined(command_names(commands), "|") +
         ")\n"
         "        command=${COMP_WORDS[i]}; break ;;\n"
         "    esac\n"
         "  done\n"
         "  COMPREPLY=()\n"
         "  case $command:$previous in\n" +
         values +
         "  esac\n"
         "  case $command in\n" +
         words +
         "  esac\n"
         "}\n"
         "complete -F _pinscope pinscope\n";
}

std::string zsh_completion(const std::vector<CommandDescription>& commands) {
  std::string options;
  std::string names;
  std::string cases;
  for (const auto& command : commands) {
    std::string own;
    for (const auto& option : command.options) own += zsh_option(option);
    if (command.name.empty()) {
      options = own;
      continue;
    }
    for (size_t i = 0; i < command.arguments.size(); ++i) {
      const auto& argument = command.arguments[i];
      const bool is_last = i + 1 == command.arguments.size();
      own += " \\\n        '" + (is_last ? "*" : std::to_string(i + 1)) + ":" + argument.value +
             ":" + zsh_values(argument) + "'";
    }
    names += "        '" + command.name + ":" +
             without_quotes(escaped(command.description, ":\\")) + "'\n";
    cases += "      " + command.name + ") _arguments" + own + " ;;\n";
  }
  return "#compdef pinscope\n"
         "# zsh completion for pinscope, made by `pinscope completion zsh`\n"
         "_pinscope() {\n"
         "  local context state state_descr line\n"
         "  local -a commands\n"
         "  typeset -A opt_args\n"
         "  _arguments -C" +
         options +
         " \\\n        '1:command:->command' '*::argument:->argument'\n"
         "  case $state in\n"
         "    command)\n"
         "      commands=(\n" +
         names +
         "      )\n"
         "      _describe command commands ;;\n"
         "    argument) case $line[1] in\n" +
         cases +
         "    esac ;;\n"
         "  esac\n"
         "}\n"
         "_pinscope \"$@\"\n";
}

std::string fish_completion(const std::vector<CommandDescription>& commands) {
  std::string text =
      "# fish completion for pinscope, made by `pinscope completion fish`\n"
      "complete -c pinscope -f\n";
  for (const auto& command : commands) {
    const std::string condition = command.name.empty()
                                      ? "__fish_use_subcommand"
                                      : "'__fish_seen_subcommand_from " + command.name + "'";
    if (!command.name.empty())
      text += "complete -c pinscope -n __fish_use_subcommand -a " + command.name + " -d '" +
              escaped(command.description, "'\\") + "'\n";
    for (const auto& option : command.options) text += fish_option(condition, option);
    for (const auto& argument : command.arguments) {
      OptionDescription unnamed = argument;
      unnamed.names.clear();
      text += fish_option(condition, unnamed);
    }
  }
  return text;
}

}  // namespace pinscope::cli
