// The NRI plugin as a part of pinscoped (`pinscoped --nri`, or started by an engine): what the
// plugin does is in view_plugin.h.
#pragma once

#include "plugin/base/result.h"
#include "plugin/daemon/log.h"
#include "plugin/daemon/options.h"
#include "plugin/nri/plugin.h"

namespace pinscope::daemon {

// How an engine is reached: by the connection that it gave when it started this program, which also
// sets options.nri, or at the socket of the options. kUsage.
Result<nri::RunOptions> nri_connection(Options& options);

// Serves an engine until it is told to end, or the engine that started it ends the connection.
Status run_nri(const Options& options, const Log& log, nri::RunOptions how);

}  // namespace pinscope::daemon
