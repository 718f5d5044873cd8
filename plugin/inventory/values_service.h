// Whether the values that containers read are kept and served, asked of the two processes that do
// it: the holder and the service (plugin/daemon/values.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/values_status.h"

namespace pinscope::inventory {

struct ValuesService {
  bool is_set_up = false;  // it was there once since this machine started
  bool has_holder = false;
  std::optional<model::ValuesStatus> status;  // nothing: no service answers
};

// Takes no longer than a few seconds, whatever these processes do. An error is an answer that
// cannot be understood.
Result<ValuesService> look_at_values(const std::string& state_directory);

// The containers of whose values somebody has the descriptors, each once, sorted.
std::vector<std::string> containers_of(const model::ValuesStatus& status);

}  // namespace pinscope::inventory
