#include "plugin/engine/unit.h"

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

using Variables = std::map<std::string, std::string, std::less<>>;

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::string text_of(const Tree& tree, const std::string& path) {
  const auto file = tree.read(path);
  return file && *file ? (*file)->text : "";
}

// Lines that a backslash continues become one.
std::vector<std::string> logical_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::string line;
  for (const auto part : split(text, '\n')) {
    if (part.ends_with('\\')) {
      line += std::string(part.substr(0, part.size() - 1)) + " ";
      continue;
    }
    lines.push_back(line + std::string(part));
    line.clear();
  }
  return lines;
}

// The unit's file, then its drop-ins by name, whichever directory they are in.
std::vector<std::string> files_of(const Tree& tree, const std::string& unit) {
  std::vector<std::string> files;
  std::map<std::string, std::string> drop_ins;
  for (const char* directory : kDirectories) {
    const std::string path = join(directory, unit);
    if (files.empty() && tree.exists(path)) files.push_back(path);
    const auto names = tree.list(path + ".d");
    if (!names) continue;
    for (const auto& name : *names)
      if (name.ends_with(".conf")) drop_ins.emplace(name, join(path + ".d", name));
  }
  if (files.empty()) return files;
  for (const auto& [name, path] : drop_ins) files.push_back(path);
  return files;
}

void take_assignment(std::string_view assignment, Variables& variables) {
  const size_t equals = assignment.find('=');
  if (equals != std::string_view::npos)
    variables[std::string(assignment.substr(0, equals))] = assignment.substr(equals + 1);
}

void read_environment_file(const Tree& tree, std::string_view path, Variables& variables) {
  if (path.starts_with('-')) path.remove_prefix(1);
  for (const auto& line : logical_lines(text_of(tree, std::string(path)))) {
    const auto text = trimmed(line);
    const size_t equals = text.find('=');
    if (text.starts_with('#') || text.starts_with(';') || equals == std::string_view::npos)
      continue;
    std::string value;
    for (const auto& word : words_of(text.substr(equals + 1)))
      value += (value.empty() ? "" : " ") + word;
    variables[std::string(trimmed(text.substr(0, equals)))] = value;
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

std::vector<std::string> unit_command(const Tree& tree, const std::string& unit) {
  Variables variables;
  std::string command;
  for (const auto& path : files_of(tree, unit))
    for (const auto& line : logical_lines(text_of(tree, path))) {
      const auto text = trimmed(line);
      const size_t equals = text.find('=');
      if (equals == std::string_view::npos) continue;
      const auto key = trimmed(text.substr(0, equals));
      const auto value = trimmed(text.substr(equals + 1));
      if (key == "ExecStart") command = value;
      if (key == "Environment")
        for (const auto& word : words_of(value)) take_assignment(word, variables);
      if (key == "EnvironmentFile") read_environment_file(tree, value, variables);
    }
  std::vector<std::string> result;
  for (const auto& word : words_of(command))
    for (auto& part : with_variables(word, variables)) result.push_back(std::move(part));
  if (!result.empty()) result.front().erase(0, result.front().find_first_not_of("-@:+!"));
  return result;
}

}  // namespace pinscope::engine
