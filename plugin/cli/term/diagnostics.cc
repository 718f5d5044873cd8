#include "plugin/cli/term/diagnostics.h"

#include "plugin/base/text.h"

namespace pinscope::cli {

std::string to_text(const policy::Diagnostic& diagnostic, const Palette& palette) {
  const bool is_error = diagnostic.severity == policy::Diagnostic::Severity::kError;
  const std::string word = is_error ? "error:" : "warning:";
  const std::string whole = policy::to_string(diagnostic);
  const size_t at = whole.find(" " + word);
  if (!palette.enabled() || at == std::string::npos) return whole + "\n";
  return palette.paint(Colour::kBold, whole.substr(0, at)) + " " +
         palette.paint(is_error ? Colour::kRed : Colour::kYellow, word) +
         whole.substr(at + 1 + word.size()) + "\n";
}

void write_diagnostics(JsonWriter& json, const std::vector<policy::Diagnostic>& diagnostics) {
  json.array();
  for (const auto& diagnostic : diagnostics) {
    const bool is_error = diagnostic.severity == policy::Diagnostic::Severity::kError;
    json.object()
        .field("severity", is_error ? "error" : "warning")
        .field("file", diagnostic.place.file)
        .field("line", diagnostic.place.line)
        .field("column", diagnostic.place.column)
        .field("message", diagnostic.message);
    if (!diagnostic.hint.empty()) json.field("hint", diagnostic.hint);
    if (!diagnostic.snippet.empty()) json.field("snippet", diagnostic.snippet);
    json.end();
  }
  json.end();
}

}  // namespace pinscope::cli
