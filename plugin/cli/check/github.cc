// The findings of `pinscope check` as workflow commands of GitHub.
#include <algorithm>
#include <cstdio>

#include "plugin/base/text.h"
#include "plugin/cli/check/formats.h"

namespace pinscope::cli {
namespace {

// As the runner undoes it: a message has one line, and a property ends at a comma or a colon.
std::string escaped(const std::string& text, std::string_view also) {
  std::string result;
  for (const char byte : one_line(text)) {
    if (byte == '%' || also.contains(byte)) {
      append_percent_encoded(result, byte);
    } else {
      result += byte;
    }
  }
  return result;
}

std::string command_of(const policy::Diagnostic& diagnostic) {
  using Severity = policy::Diagnostic::Severity;
  const bool is_note = diagnostic.severity == Severity::kNote;
  std::string line =
      std::string("::") + (is_note ? "notice" : name_of(diagnostic.severity)) + " file=";
  line += escaped(repository_path(diagnostic.place.file), ":,");
  line += ",line=" + std::to_string(diagnostic.place.line);
  if (has_exact_column(diagnostic)) line += ",col=" + std::to_string(diagnostic.place.column);
  line += "::" + escaped(diagnostic.message, "");
  if (!diagnostic.hint.empty()) line += "; " + escaped(diagnostic.hint, "");
  return line + "\n";
}

}  // namespace

std::string repository_path(const std::string& path) {
  std::string_view rest = path;
  while (rest.starts_with("./")) {
    rest.remove_prefix(2);
    while (rest.starts_with('/')) rest.remove_prefix(1);
  }
  return rest.empty() ? path : std::string(rest);
}

void append_percent_encoded(std::string& out, char byte) {
  char text[4];
  std::snprintf(text, sizeof text, "%%%02X", static_cast<unsigned char>(byte));
  out += text;
}

bool has_exact_column(const policy::Diagnostic& diagnostic) {
  return std::ranges::all_of(diagnostic.snippet,
                             [](char byte) { return static_cast<unsigned char>(byte) < 0x80; });
}

std::string to_github(const CheckFindings& found) {
  std::string text;
  for (const auto& diagnostic : found.diagnostics) text += command_of(diagnostic);
  return text;
}

}  // namespace pinscope::cli
