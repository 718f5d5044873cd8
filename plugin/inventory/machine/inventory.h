// The whole machine, looked at and judged by the records of Pinscope.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/inventory/machine/judge.h"
#include "plugin/inventory/machine/machine.h"

namespace pinscope::inventory {

struct Inventory {
  Machine machine;
  std::vector<KnownContainer> containers;  // those that have a record
  std::vector<Notice> notices;
};

// Damaged records are told in Machine::not_seen. Errors are of the directory with the records and
// of /proc. See look_at_machine() for what it does to this process.
Result<Inventory> take_inventory(const std::string& state_directory);

// Gives the spaces of containers without a record the ids that runtimes have for them; before
// judge(), which knows better.
void name_by_runtimes(Machine& machine);

}  // namespace pinscope::inventory
