// How the findings of the policy loader look on a terminal and in JSON.
#pragma once

#include <string>
#include <vector>

#include "plugin/cli/term/terminal.h"
#include "plugin/json/json.h"
#include "plugin/policy/language/load.h"

namespace pinscope::cli {

// One or several lines, with a newline at the end: the sentence, then the snippet if there is one.
std::string to_text(const policy::Diagnostic& diagnostic, const Palette& palette);

// Writes them as a JSON array of objects.
void write_diagnostics(JsonWriter& json, const std::vector<policy::Diagnostic>& diagnostics);

}  // namespace pinscope::cli
