#include "plugin/policy/language/diagnostic.h"

#include <utility>

namespace pinscope::policy {

using Severity = Diagnostic::Severity;

const char* name_of(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return "error";
    case Severity::kWarning:
      return "warning";
    case Severity::kNote:
      return "note";
  }
  return "error";
}

Diagnostic diagnostic_at(Severity severity, const model::Place& place, std::string message,
                         std::string hint) {
  return {severity, place, std::move(message), std::move(hint), ""};
}

Diagnostic warning_at(const model::Place& place, std::string message, std::string hint) {
  return diagnostic_at(Severity::kWarning, place, std::move(message), std::move(hint));
}

Diagnostic note_at(const model::Place& place, std::string message, std::string hint) {
  return diagnostic_at(Severity::kNote, place, std::move(message), std::move(hint));
}

std::string to_string(const Diagnostic& diagnostic) {
  std::string text = model::to_string(diagnostic.place) + ": " + name_of(diagnostic.severity) +
                     ": " + diagnostic.message;
  if (!diagnostic.hint.empty()) text += "; " + diagnostic.hint;
  if (!diagnostic.snippet.empty()) text += "\n" + diagnostic.snippet;
  return text;
}

}  // namespace pinscope::policy
