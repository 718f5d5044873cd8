// Records of containers on a node whose root directory this process has made its own: which of them
// may be alive, and those of the others removed. The agent has a PID namespace of its own, so it
// looks at the node's /proc, which has to be mounted there.
#pragma once

#include <string>

#include "plugin/base/result.h"

namespace pinscope::node {

struct RecordPlaces {
  std::string state_directory;
  std::string audit_path;
};

// Removes records of containers whose process is gone, as `pinscope gc` does. Gives a line for the
// log, empty if there was nothing to remove. Without the node's /proc nothing is done.
Result<std::string> collect_records(const RecordPlaces& places);

// How many containers may still need the programs. Where the process of a record is gone, its
// runtime gets a few seconds to call the hook for the last time; then the record is removed.
// Without the node's /proc every record counts.
Result<size_t> count_of_users(const RecordPlaces& places);

}  // namespace pinscope::node
