#include "plugin/engine/wiring/unit.h"

#include <map>

#include "plugin/base/path.h"
#include "plugin/base/text.h"

namespace pinscope::engine {
namespace {

// In the order in which a file of the same name wins.
constexpr const char* kDirectories[] = {"/etc/systemd/system", "/run/systemd/system",
                                        "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
                                        "/lib/systemd/system"};
constexpr std::string_view kBlanks = " \t\r";

// What a file says; one that is there and cannot be read is a doubt.
std::string text_of(const Tree& tree, const std::string& path, UnitCommand& command) {
  const auto file = tree.read(path);
  if (!file) command.doubts.push_back(file.error().sentence());
  return file && *file ? (*file)->text : "";
}

bool is_comment(std::string_view line) {
  const auto text = trimmed(line);
  return text.starts_with('#') || text.starts_with(';');
}

// Lines that a backslash continues become one. A comment is passed over before that is looked at,
// even one in the middle.
std::vector<std::string> logical_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::string line;
  for (const auto part : split(text, '\n')) {
    if (is_comment(part)) continue;
    if (part.ends_with('\\')) {
      line += std::string(part.substr(0, part.size() - 1)) + " ";
      continue;
    }
    lines.push_back(line + std::string(part));
    line.clear();
  }
  if (!line.empty()) lines.push_back(std::move(line));
  return lines;
}

// A unit that is masked is a link to /dev/null.
bool is_masked(const Tree& tree, const std::string& path) {
  const auto status = tree.status(path);
  return status && S_ISCHR(status->st_mode);
}

// The unit's file, then its drop-ins by name, whichever directory they are in; of one name, those
// of the unit itself win over those of all services.
std::vector<std::string> files_of(const Tree& tree, const std::string& unit) {
  std::vector<std::string> files;
  std::map<std::string, std::string> drop_ins;
  for (const std::string& name : {unit, std::string("service")})
    for (const char* directory : kDirectories) {
      const std::string path = join(directory, name);
      if (name == unit && files.empty() && tree.exists(path)) files.push_back(path);
      const auto names = tree.list(path + ".d");
      if (!names) continue;
      for (const auto& drop_in : *names)
        if (drop_in.ends_with(".conf")) drop_ins.emplace(drop_in, join(path + ".d", drop_in));
    }
  if (files.empty() || is_masked(tree, files.front())) return {};
  for (const auto& [name, path] : drop_ins)
    if (!is_masked(tree, path)) files.push_back(path);
  return files;
}

void take_assignment(std::string_view assignment, Variables& variables) {
  const size_t equals = assignment.find('=');
  if (equals != std::string_view::npos)
    variables[std::string(assignment.substr(0, equals))] = assignment.substr(equals + 1);
}

void read_environment_file(const Tree& tree, std::string path, UnitCommand& command) {
  if (path.starts_with('-')) path.erase(0, 1);  // it need not be there
  if (path.find_first_of("*?[%") != std::string::npos) {
    command.doubts.push_back("EnvironmentFile=" + one_line(path) + " is not followed");
    return;
  }
  for (const auto& line : logical_lines(text_of(tree, path, command))) {
    const auto text = trimmed(line);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    std::string value;
    for (const auto& word : words_of(text.substr(equals + 1)))
      value += (value.empty() ? "" : " ") + word;
    command.environment[std::string(trimmed(text.substr(0, equals)))] = value;
  }
}

// "$NAME" as a word of its own becomes as many words as it has; "${NAME}" is text in a word.
std::vector<std::string> with_variables(std::string_view word, const Variables& variables) {
  const auto value_of = [&](std::string_view name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
  if (word.starts_with('$') && !word.starts_with("${") && !word.starts_with("$$"))
    return words_of(value_of(word.substr(1)));
  std::string text(word);
  for (size_t at = text.find("${"); at != std::string::npos; at = text.find("${", at)) {
    const size_t end = text.find('}', at);
    if (end == std::string::npos) break;
    const std::string value = value_of(std::string_view(text).substr(at + 2, end - at - 2));
    text.replace(at, end + 1 - at, value);
    at += value.size();
  }
  return {text};
}

}  // namespace

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const char byte = line[i];
    if (quote == 0 && kBlanks.contains(byte)) {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else if (quote == 0 ? byte == '"' || byte == '\'' : byte == quote) {
      quote = quote == 0 ? byte : '\0';
      in_word = true;
    } else {
      if (byte == '\\' && i + 1 < line.size()) ++i;
      word += line[i];
      in_word = true;
    }
  }
  if (in_word) words.push_back(std::move(word));
  return words;
}

UnitCommand unit_command(const Tree& tree, const std::string& unit) {
  UnitCommand result;
  std::string command;
  std::vector<std::string> environment_files;
  for (const auto& path : files_of(tree, unit)) {
    std::string_view section;
    const auto lines = logical_lines(text_of(tree, path, result));
    for (const auto& line : lines) {
      const auto text = trimmed(line);
      if (text.starts_with('[')) section = text;
      const size_t equals = text.find('=');
      if (section != "[Service]" || equals == std::string_view::npos) continue;
      const auto key = trimmed(text.substr(0, equals));
      const auto value = trimmed(text.substr(equals + 1));
      if (key == "ExecStart") command = value;
      // Each may stand more than once; an empty one forgets those before.
      if (key == "Environment") {
        if (value.empty()) result.environment.clear();
        for (const auto& word : words_of(value)) take_assignment(word, result.environment);
      }
      if (key == "EnvironmentFile") {
        if (value.empty()) environment_files.clear();
        if (!value.empty()) environment_files.emplace_back(value);
      }
    }
  }
  // Wherever they stand, these files win over Environment=.
  for (auto& path : environment_files) read_environment_file(tree, std::move(path), result);
  for (const auto& word : words_of(command))
    for (auto& part : with_variables(word, result.environment))
      result.words.push_back(std::move(part));
  if (!result.words.empty())
    result.words.front().erase(0, result.words.front().find_first_not_of("-@:+!|"));
  return result;
}

}  // namespace pinscope::engine
