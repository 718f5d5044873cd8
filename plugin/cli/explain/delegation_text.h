// What is delegated, for explain and inspect.
#pragma once

#include "plugin/cli/term/table.h"
#include "plugin/json/json.h"
#include "plugin/model/decision.h"

namespace pinscope::cli {

// One line for each kind of right: what is delegated, in the kernel's names.
Table delegation_table(const model::Delegation& delegation);
void write_delegation_names(JsonWriter& json, const model::Delegation& delegation);

}  // namespace pinscope::cli
