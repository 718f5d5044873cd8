// What the service that follows sources says of itself, as JSON, to whoever connects to its status
// socket; metrics and doctor read it.
#pragma once

#include <cstdint>
#include <string>

#include "plugin/base/result.h"

namespace pinscope::model {

struct FollowStatus {
  uint64_t containers = 0;      // that have a record
  uint64_t unreadable = 0;      // records
  uint64_t sources = 0;         // that they follow
  uint64_t watches = 0;         // directories
  uint64_t without_watch = 0;   // directories that are looked at from time to time
  uint64_t paused = 0;          // directories that change too often to be listened to
  uint64_t waiting = 0;         // containers that wait for their turn
  uint64_t slowed = 0;          // containers whose waits grow
  uint64_t retrying = 0;        // containers that could not be changed the last time
  uint64_t namespaces = 0;      // of containers, whose mounts are watched
  uint64_t overflows = 0;       // times that events were lost, and everything was looked at
  uint64_t source_changes = 0;  // all since the service began
  uint64_t policy_changes = 0;
  uint64_t mount_changes = 0;  // in containers: a bpffs that is not theirs, or a view that is gone
  uint64_t changed = 0;        // views
  uint64_t refused = 0;        // views that may not be changed: the log says why
  uint64_t failed = 0;         // tries
  friend bool operator==(const FollowStatus&, const FollowStatus&) = default;
};

// Where the service is asked: a Unix socket below the state directory.
inline std::string follow_status_path(const std::string& state_directory) {
  return state_directory + "/follow/status.sock";
}

std::string to_json(const FollowStatus& status);
Result<FollowStatus> follow_status_from_json(std::string json);

}  // namespace pinscope::model
