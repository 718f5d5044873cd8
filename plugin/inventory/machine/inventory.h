// The whole machine, looked at and judged by the records of Pinscope.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/inventory/machine/judge.h"
#include "plugin/inventory/machine/machine.h"

namespace pinscope::inventory {

struct Judged {
  Machine machine;
  std::vector<KnownContainer> containers;  // those that have a record
};

// Looks at what the scope says, with the records of all containers and the names that runtimes
// have. Damaged records are told in Machine::not_seen. Errors are of the directory with the records
// and of /proc. See look_at_machine() for what it does to this process.
Result<Judged> look_and_judge(const std::string& state_directory, Scope scope = {});

// A record, with whether its container runs.
KnownContainer known(model::Record record);

struct Inventory : Judged {
  std::vector<Notice> notices;
};

// Of everything; errors as above.
Result<Inventory> take_inventory(const std::string& state_directory);

}  // namespace pinscope::inventory
