// Whether the views of running containers follow their sources and policies, asked of the service
// that sees to it (plugin/daemon/follow.h).
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "plugin/base/result.h"
#include "plugin/inventory/service_status.h"
#include "plugin/model/follow_status.h"

namespace pinscope::inventory {

struct FollowService {
  bool is_set_up = false;  // it was there once since this machine started
  bool listens = false;    // it is there, and answers now or after what it does
  std::optional<model::FollowStatus> status = {};  // nothing: it does not answer
};

// Takes little longer than `time`, whatever that process does. An error is an answer that cannot be
// understood.
Result<FollowService> look_at_follow(const std::string& state_directory,
                                     std::chrono::milliseconds time = kTimeToAnswer);

}  // namespace pinscope::inventory
