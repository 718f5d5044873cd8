// Removes what a crash, or a runtime that skipped poststop, has left: records of containers whose
// process is gone, and temporary files of hooks that were killed. The views themselves vanished
// with their containers' mount namespaces. For `pinscope gc` and the agent of a node.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::inventory {

struct CollectOptions {
  std::string state_directory;
  std::string audit_path;
  bool dry_run = false;  // say what would be removed, remove nothing
  bool damaged = false;  // also records that cannot be read and of which nothing shows a process
};

struct Removal {
  std::string kind;  // record, file
  std::string name;
  std::string reason;
  std::optional<Error> error;  // it stays, and why
  // Of a record; `is_twin`: not the only one of its id.
  std::string bundle = {};
  pid_t pid = 0;
  bool is_twin = false;
};

// Gives everything that was removed, would be removed, or could not be. Each removal of a record is
// audited before it is done. /proc has to be that of the PID namespace in which the hook wrote the
// records.
Result<std::vector<Removal>> collect(const CollectOptions& options);

// How many containers with a record may be alive: of a record that cannot be read it is not known.
Result<size_t> count_of_live(const std::string& state_directory);

}  // namespace pinscope::inventory
