// What the service of values says of itself: which containers it serves, and how much. It writes
// it as JSON to whoever connects to its status socket; metrics, doctor and list read it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::model {

enum class ValuesState {
  kServing,   // requests are answered
  kWaiting,   // there is no holder, or it has another service: nothing new is served
  kStarting,  // the process that answers is not there: readers wait
};

struct ServedValues {
  std::string container;  // its id
  uint64_t number = 0;    // of the lease
  uint64_t maps = 0;
  bool ready = false;      // the kernel was greeted: files can be seen
  bool set_aside = false;  // two processes ended over it: every reader gets EIO
  uint64_t requests = 0;   // all since the lease came to this process
  uint64_t errors = 0;
  uint64_t missing = 0;  // names that do not exist
  uint64_t bytes = 0;
  uint64_t time_ns = 0;
  uint64_t handles = 0;  // open now
  uint64_t refused = 0;  // openings beyond the limit
  friend bool operator==(const ServedValues&, const ServedValues&) = default;
};

struct ValuesStatus {
  ValuesState state = ValuesState::kStarting;
  uint64_t unusable = 0;  // leases that could not be served, as the log says
  std::vector<ServedValues> leases;
  friend bool operator==(const ValuesStatus&, const ValuesStatus&) = default;
};

// Where the holder is found: a Unix socket below the state directory (plugin/values/hold).
inline std::string values_holder_path(const std::string& state_directory) {
  return state_directory + "/values/holder.sock";
}

// Where the service is asked: a Unix socket below the state directory.
inline std::string values_status_path(const std::string& state_directory) {
  return state_directory + "/values/status.sock";
}

// "serving", "waiting", "starting".
const char* name_of(ValuesState state);

std::string to_json(const ValuesStatus& status);
Result<ValuesStatus> values_status_from_json(std::string json);

}  // namespace pinscope::model
