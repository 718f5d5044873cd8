// Collects the diagnostics of one file, with their snippets, up to a limit.
#pragma once

#include <string>
#include <vector>

#include "plugin/policy/language/diagnostic.h"
#include "plugin/policy/language/policy_text.h"

namespace pinscope::policy {

class Reporter {
 public:
  // `text` must outlive the reporter.
  explicit Reporter(const PolicyText& text) : text_(text) {}

  void error(Position at, std::string message, std::string hint = {});
  void warning(Position at, std::string message, std::string hint = {});

  [[nodiscard]] model::Place place(Position at) const;
  // The line of the file and a caret below the column, as a diagnostic there would have it.
  [[nodiscard]] std::string snippet(Position at) const { return text_.snippet(at); }
  // How many errors there are, shown or not.
  [[nodiscard]] size_t errors() const { return errors_; }
  // Whether more errors would only be dropped: time to stop looking for them.
  [[nodiscard]] bool full() const;
  // The diagnostics, in the order of their places; the reporter has none then.
  std::vector<Diagnostic> take();

 private:
  void add(Diagnostic::Severity severity, size_t& count, Position at, std::string message,
           std::string hint);

  const PolicyText& text_;
  std::vector<Diagnostic> diagnostics_;
  size_t errors_ = 0;
  size_t warnings_ = 0;
};

}  // namespace pinscope::policy
