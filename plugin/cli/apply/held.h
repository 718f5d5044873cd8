// What containers go on with though it is not granted any more: who still has it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/pipeline/change/swap.h"

namespace pinscope::cli {

// A process of the container, and what it has; `text` is a clause.
struct Held {
  pid_t pid = 0;
  std::string command;  // which the process chooses
  std::string text;
};

// For each of `swapped` whose view was changed (or would be). Reads all of /proc once, if anything
// was lost at all. This process must have one thread.
Result<std::vector<std::vector<Held>>> look_for_held(const std::vector<Swapped>& swapped);

}  // namespace pinscope::cli
