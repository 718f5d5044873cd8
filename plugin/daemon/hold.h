// The holder as a part of pinscoped (`pinscoped --hold`): takes its place, gives up what it may,
// and keeps leases (plugin/values/hold/holder.h).
#pragma once

#include "plugin/base/result.h"
#include "plugin/daemon/log.h"
#include "plugin/daemon/options.h"

namespace pinscope::daemon {

// Until `stop_fd` is readable. kHolder with EBUSY: another holder is there.
Status run_holder(const Options& options, const Log& log, int stop_fd);

}  // namespace pinscope::daemon
