// Parts of what a container is given, for programs: alike in explain, list and inspect.
#pragma once

#include <vector>

#include "plugin/json/json.h"
#include "plugin/model/decision.h"

namespace pinscope::cli {

void write_refusals(JsonWriter& json, const std::vector<model::RefusedPin>& refusals);
// What is followed beside the grants, as a list.
void write_followed(JsonWriter& json, const std::vector<model::FollowedPattern>& followed);
// Members of a grant: whether it is a pin, and how its values are shown; nothing where none are.
void write_values(JsonWriter& json, const model::GrantedPin& grant);
void write_delegation(JsonWriter& json, const model::Delegation& delegation);

}  // namespace pinscope::cli
