// The state JSON that a runtime writes to a hook's stdin (runtime-spec, runtime.md "State").
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "plugin/base/result.h"

namespace pinscope::oci {

// The limit, in bytes, for a state and for a config.json. No runtime bounds them, and containerd
// takes 16 MiB over its API; whether a policy selects a container cannot be told without them, so
// that the bound is far above what anybody can start, and what it costs is memory for a moment.
inline constexpr size_t kMaxBytes = size_t{64} << 20;

struct State {
  std::string id;
  pid_t pid = 0;
  std::string bundle;
};

// Other fields and a missing pid (0) are fine; an id that is no model::is_container_id, a bundle
// that is not absolute and a pid that is none are kStateInvalid. The annotations are not read:
// those of config.json count, which is the runtime's own. The caller bounds the size of `json`.
Result<State> parse_state(std::string json);

}  // namespace pinscope::oci
