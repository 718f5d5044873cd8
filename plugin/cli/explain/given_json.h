// Parts of what a container is given, for programs: alike in explain, list and inspect.
#pragma once

#include <vector>

#include "plugin/json/json.h"
#include "plugin/model/decision.h"

namespace pinscope::cli {

void write_refusals(JsonWriter& json, const std::vector<model::RefusedPin>& refusals);
void write_delegation(JsonWriter& json, const model::Delegation& delegation);

}  // namespace pinscope::cli
