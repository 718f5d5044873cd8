// What `pinscope check` found, before it is printed in one format or another.
#pragma once

#include <string>
#include <vector>

#include "plugin/cli/check/skipped.h"
#include "plugin/policy/language/load.h"

namespace pinscope::cli {

struct CheckFindings {
  std::vector<policy::Diagnostic> diagnostics;
  std::vector<std::string> read;  // paths of files
  std::vector<SkippedFile> skipped;
  size_t policies = 0;
  size_t errors = 0;
  size_t warnings = 0;
  size_t notes = 0;
  // Of `errors`: those that are warnings without --strict.
  size_t strict_errors = 0;

  size_t& count_of(policy::Diagnostic::Severity severity) {
    using Severity = policy::Diagnostic::Severity;
    switch (severity) {
      case Severity::kError:
        return errors;
      case Severity::kWarning:
        return warnings;
      case Severity::kNote:
        return notes;
    }
    return errors;
  }
  [[nodiscard]] bool ok() const { return errors == 0; }
};

}  // namespace pinscope::cli
