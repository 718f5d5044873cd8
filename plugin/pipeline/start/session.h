// A view without a container: for a process of the host, in a mount namespace of its own
// (kernel/process/session.h).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/pipeline/options.h"

namespace pinscope {

// The process, and who will run in it.
struct Session {
  pid_t pid = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> groups;
};

// What policies can know of it: a container whose root is the host's.
model::Container container_of(const Session& session, model::Engine engine);

// Gives a session the view that the policies grant its user, as create_runtime does for a
// container; to be called in the host's mount namespace, by a process of its own, with root's
// privileges. False if no policy selects the session, which is then left alone.
Result<bool> open_session(const HookOptions& options, const Session& session);

// Starts a process that stays until the session has ended, then removes its record and says so in
// the audit trail. To be called in front of open_session(), in the same process; a byte written to
// the descriptor says that there is a view, and without it that process ends. Not valid where there
// can be none: then a later start or `pinscope gc` collects the record.
Fd watch_session(const HookOptions& options, pid_t pid);

}  // namespace pinscope
