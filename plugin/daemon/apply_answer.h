// What `pinscope apply` and `pinscope exceptions --expire` say that they did, as JSON.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::daemon {

struct AppliedView {
  std::string id;                    // of the container
  std::string outcome;               // "unchanged", "changed", "refused", "failed"
  std::vector<std::string> changes;  // clauses
  std::string error;                 // a sentence; empty: none
};

// Those under `key`. kProtocol.
Result<std::vector<AppliedView>> applied_views(std::string json, const char* key);

}  // namespace pinscope::daemon
