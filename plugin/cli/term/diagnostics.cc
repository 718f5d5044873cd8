#include "plugin/cli/term/diagnostics.h"

#include "plugin/base/text.h"

namespace pinscope::cli {
namespace {

Colour colour_of(policy::Diagnostic::Severity severity) {
  using Severity = policy::Diagnostic::Severity;
  switch (severity) {
    case Severity::kError:
      return Colour::kRed;
    case Severity::kWarning:
      return Colour::kYellow;
    case Severity::kNote:
      return Colour::kDim;
  }
  return Colour::kRed;
}

}  // namespace

std::string to_text(const policy::Diagnostic& diagnostic, const Palette& palette) {
  const std::string word = name_of(diagnostic.severity) + std::string(":");
  const std::string whole = policy::to_string(diagnostic);
  const size_t at = whole.find(" " + word);
  if (!palette.enabled() || at == std::string::npos) return whole + "\n";
  return palette.paint(Colour::kBold, whole.substr(0, at)) + " " +
         palette.paint(colour_of(diagnostic.severity), word) + whole.substr(at + 1 + word.size()) +
         "\n";
}

void write_diagnostics(JsonWriter& json, const std::vector<policy::Diagnostic>& diagnostics) {
  json.array();
  for (const auto& diagnostic : diagnostics) {
    json.object()
        .field("severity", name_of(diagnostic.severity))
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
