// What is wrong or doubtful at one place of a policy file.
#pragma once

#include <string>

#include "plugin/model/policy.h"

namespace pinscope::policy {

struct Diagnostic {
  // A note is of something that may be right, and that only somebody who knows the machine can
  // tell: nothing fails for it, however strict.
  enum class Severity { kError, kWarning, kNote } severity = Severity::kError;
  model::Place place;
  std::string message;  // one line: unknown key "acces" in a grant
  std::string hint;     // one line or empty: did you mean "access"?
  std::string snippet;  // the line of the file and a caret below the column; empty if there is none
};

// "error", "warning", "note": the words of every output.
const char* name_of(Diagnostic::Severity severity);

// One without a snippet, for what is found when a file's text is gone.
Diagnostic diagnostic_at(Diagnostic::Severity severity, const model::Place& place,
                         std::string message, std::string hint);
Diagnostic warning_at(const model::Place& place, std::string message, std::string hint);
Diagnostic note_at(const model::Place& place, std::string message, std::string hint);

// "flow.yaml:14:5: error: unknown key "acces" in a grant; did you mean "access"?" and the snippet.
std::string to_string(const Diagnostic& diagnostic);

}  // namespace pinscope::policy
