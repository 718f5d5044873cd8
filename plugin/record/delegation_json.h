// What was delegated, in a record and in an audit line: names in both, so that people can read
// them.
#pragma once

#include "plugin/json/json.h"
#include "plugin/model/decision.h"

namespace pinscope::record {

// An object: commands, maps, programs, attach (lists of the kernel's names), added_no_attach_type,
// pinning, grants_at.
void write_delegation(JsonWriter& json, const model::Delegation& delegation);
Result<model::Delegation> read_delegation(const JsonView& value);

}  // namespace pinscope::record
