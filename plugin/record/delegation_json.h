// What was delegated, in a record and in an audit line: names in both, so that people can read
// them.
#pragma once

#include "plugin/json/json.h"
#include "plugin/model/decision.h"

namespace pinscope::record {

// Adds what is the same wherever a delegation is written: commands, maps, programs, attach (lists
// of the kernel's names), added_no_attach_type, pinning, programs_reach, grants_at.
void add_members(JsonWriter& json, const model::Delegation& delegation);

// An object of these members, and back.
void write_delegation(JsonWriter& json, const model::Delegation& delegation);
Result<model::Delegation> read_delegation(const JsonView& value);

}  // namespace pinscope::record
