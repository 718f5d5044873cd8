#include "plugin/policy/language/reporter.h"

#include <algorithm>
#include <tuple>

#include "plugin/base/text.h"
#include "plugin/policy/language/limits.h"

namespace pinscope::policy {

void Reporter::error(Position at, std::string message, std::string hint) {
  add(Diagnostic::Severity::kError, errors_, at, std::move(message), std::move(hint));
}

void Reporter::warning(Position at, std::string message, std::string hint) {
  add(Diagnostic::Severity::kWarning, warnings_, at, std::move(message), std::move(hint));
}

model::Place Reporter::place(Position at) const {
  return {text_.file(), at.line, at.column};
}

bool Reporter::full() const {
  return errors_ > kMaxDiagnostics;
}

std::vector<Diagnostic> Reporter::take() {
  std::ranges::stable_sort(diagnostics_, {}, [](const Diagnostic& diagnostic) {
    return std::tuple(diagnostic.place.line, diagnostic.place.column);
  });
  return std::move(diagnostics_);
}

void Reporter::add(Diagnostic::Severity severity, size_t& count, Position at, std::string message,
                   std::string hint) {
  if (++count > kMaxDiagnostics + 1) return;
  if (count > kMaxDiagnostics) {
    const bool is_error = severity == Diagnostic::Severity::kError;
    message = "there are more than " + std::to_string(kMaxDiagnostics) +
              (is_error ? " errors" : " warnings") + " in this file; the rest is not shown";
    hint.clear();
  }
  diagnostics_.push_back(
      {severity, place(at), one_line(message), one_line(hint), text_.snippet(at)});
}

}  // namespace pinscope::policy
