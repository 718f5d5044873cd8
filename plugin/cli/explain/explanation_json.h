// An explanation for programs. docs/schemas/explain.json describes the fields.
#pragma once

#include <string>

#include "plugin/cli/explain/explanation.h"
#include "plugin/json/json.h"

namespace pinscope::cli {

// The explanation as one JSON object and a newline.
std::string to_json(const Explained& explained);

// An error, and the rules that disagree if it is about that: in explain and plan.
void write_error(JsonWriter& json, const Error& error);

}  // namespace pinscope::cli
