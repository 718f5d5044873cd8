// What is wrong or doubtful at one place of a policy file.
#pragma once

#include <string>

#include "plugin/model/policy.h"

namespace pinscope::policy {

struct Diagnostic {
  enum class Severity { kError, kWarning } severity = Severity::kError;
  model::Place place;
  std::string message;  // one line: unknown key "acces" in a grant
  std::string hint;     // one line or empty: did you mean "access"?
  std::string snippet;  // the line of the file and a caret below the column; empty if there is none
};

// "flow.yaml:14:5: error: unknown key "acces" in a grant; did you mean "access"?" and the snippet.
std::string to_string(const Diagnostic& diagnostic);

}  // namespace pinscope::policy
