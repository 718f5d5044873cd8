// The work of a swap: decided, compared, and to be done in the container now. Internal to the room.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/model/features.h"
#include "plugin/model/record.h"
#include "plugin/pipeline/changes.h"
#include "plugin/pipeline/decide_again.h"
#include "plugin/pipeline/exceptions.h"
#include "plugin/pipeline/swap.h"
#include "plugin/record/store.h"

namespace pinscope {

// What the child works with. It has the parent's descriptors, and its own way to the container.
struct SwapJob {
  const SwapOrder& order;
  const model::Features& features;
  const record::Store& store;
  record::Store::Found& found;  // the record as it is, and its file
  const model::Container& container;
  const Restart& restart;
  const Changes& changes;
  const PlannedExceptions& exceptions;
  bool is_judged = true;      // false: less is given, whether or not it would start now
  bool makes_values = false;  // anew, though nothing of them would change
};
// Builds the view, puts it in the place of the old one, and writes the record and the audit line:
// in a child process, which ends. Gives what could not be brought about, a clause each.
Result<std::vector<std::string>> swap_in_child(const SwapJob& job);

// What was changed, as notes of the audit line.
void add_notes(model::AuditEvent& event, const std::vector<Change>& changes,
               const char* prefix = "");

}  // namespace pinscope
