// The records of running containers, and what they say of the machine.
#pragma once

#include <string>

#include "plugin/inventory/entries.h"
#include "plugin/model/finding.h"

namespace pinscope::health {

model::Findings check_records(const std::string& state_directory);

// Which running containers have a way past their view.
model::Finding judge_void_views(const inventory::Entries& all);
// Which views somebody has made writable.
model::Finding judge_seals(const inventory::Entries& all);

}  // namespace pinscope::health
