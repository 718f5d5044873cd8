// A plan for people and for programs.
#pragma once

#include <string>

#include "plugin/json/json.h"
#include "plugin/model/plan.h"

namespace pinscope::plan {

// One step in one line, without a newline: `pin "/sys/fs/bpf/flows" as "view/flows" in instance 0`.
std::string to_text(const model::Step& step, const model::Plan& plan);

// All steps of the plan, numbered from 1, each with a newline.
std::string to_text(const model::Plan& plan);

// Writes the steps as an array of objects, each with "step" and its fields.
void to_json(const model::Plan& plan, JsonWriter& json);

}  // namespace pinscope::plan
