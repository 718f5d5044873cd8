// The records of a machine with what is live of each: all of them, or the one that a prefix names.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/inventory/live.h"
#include "plugin/model/record.h"

namespace pinscope::inventory {

struct Entry {
  model::Record record;
  Live live;
};

struct Entries {
  std::vector<Entry> entries;     // by id
  std::vector<Error> unreadable;  // records that are damaged
};

// A state directory that does not exist holds nothing.
Result<Entries> read_entries(const std::string& state_directory);

// The entry whose id is `prefix` or the only one that starts with it; with a `pid` that is not 0,
// of those that have this process.
Result<Entry> find_entry(const std::string& state_directory, const std::string& prefix, pid_t pid);

// The names of the policies that selected the container, each once.
std::vector<std::string> policy_names(const model::Record& record);

}  // namespace pinscope::inventory
