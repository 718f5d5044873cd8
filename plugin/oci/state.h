// The state JSON that a runtime writes to a hook's stdin (runtime-spec, runtime.md "State").
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::oci {

struct State {
  std::string id;
  std::string status;
  pid_t pid = 0;
  std::string bundle;
  std::string root;  // crun's own field: the absolute rootfs; empty elsewhere
  std::vector<std::pair<std::string, std::string>> annotations;
};

// Unknown fields and missing annotations are fine; an id that cannot be a file name is not.
Result<State> parse_state(std::string json);

}  // namespace pinscope::oci
