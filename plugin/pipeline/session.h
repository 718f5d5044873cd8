// A view without a container: for a process of the host, in a mount namespace of its own
// (kernel/process/session.h).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/pipeline/options.h"

namespace pinscope {

// The process, and who will run in it.
struct Session {
  pid_t pid = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> groups;
};

// Gives a session the view that the policies grant its user, as create_runtime does for a
// container; to be called in the host's mount namespace, by a process of its own, with root's
// privileges. False if no policy selects the session, which is then left alone.
Result<bool> open_session(const HookOptions& options, const Session& session);

}  // namespace pinscope
