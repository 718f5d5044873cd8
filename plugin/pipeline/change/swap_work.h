// The work of a swap: decided, compared, and to be done in the container now. Internal to the room.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/features.h"
#include "plugin/model/record.h"
#include "plugin/pipeline/change/changes.h"
#include "plugin/pipeline/change/swap.h"
#include "plugin/pipeline/change/swap_decision.h"
#include "plugin/record/store.h"

namespace pinscope {

// What the child works with. It has the parent's descriptors, and its own way to the container.
struct SwapJob {
  const SwapOrder& order;
  const model::Features& features;
  const record::Store& store;
  record::Store::Found& found;  // the record as it is, and its file
  const SwapPlan& plan;
  bool makes_values = false;  // anew, though nothing of them would change
};
// Builds the view, puts it in the place of the old one, and writes the record and the audit line:
// in a child process, which ends. Gives what could not be brought about, a clause each.
Result<std::vector<std::string>> swap_in_child(const SwapJob& job);

// What was changed, as notes of the audit line.
void add_notes(model::AuditEvent& event, const std::vector<Change>& changes,
               const char* prefix = "");

}  // namespace pinscope
