#include "plugin/policy/language/diagnostic.h"

namespace pinscope::policy {

std::string to_string(const Diagnostic& diagnostic) {
  const bool is_error = diagnostic.severity == Diagnostic::Severity::kError;
  std::string text = model::to_string(diagnostic.place) + (is_error ? ": error: " : ": warning: ") +
                     diagnostic.message;
  if (!diagnostic.hint.empty()) text += "; " + diagnostic.hint;
  if (!diagnostic.snippet.empty()) text += "\n" + diagnostic.snippet;
  return text;
}

}  // namespace pinscope::policy
