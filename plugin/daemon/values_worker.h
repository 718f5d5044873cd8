// The process that serves values: it has no right to anything, only descriptors, which the holder
// gives it. Its parent (values.h) starts it again when it ends, and finds it a holder.
//
// They talk over a socket, by the messages of plugin/values/hold/protocol.h.
#pragma once

#include <string>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/daemon/log.h"

namespace pinscope::daemon {

// The word that pinscoped starts itself with as a worker; its socket is descriptor kWorkerSocket,
// and the next word the path of an empty directory.
inline constexpr const char* kWorkerWord = "--values-worker";
inline constexpr int kWorkerSocket = 3;

// Gives up everything, then serves until the parent's end of the socket is closed.
Status run_worker(Fd parent, const std::string& root, const Log& log);

}  // namespace pinscope::daemon
