// The words that records and audit lines have for enumerations of their own; those that policies
// use as well come from the model. Internal to record/.
#pragma once

#include "plugin/model/record.h"

namespace pinscope::record {

// "intended", "applied".
const char* name_of(model::Record::State state);
// "granted", "refused", "removed", "policy-rejected", "policy-accepted", "collected",
// "changed".
const char* name_of(model::AuditEvent::Outcome outcome);

}  // namespace pinscope::record
