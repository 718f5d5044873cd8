// Values as a part of pinscoped (`pinscoped --values`): starts the process that serves them
// (values_worker.h), starts it again when it ends or hangs, finds or starts a holder for it, and
// says at a socket how it all is. It touches no container's data itself. When it ends its worker
// has ended; the holder goes on.
#pragma once

#include <memory>

#include "plugin/base/result.h"
#include "plugin/daemon/log.h"
#include "plugin/daemon/options.h"
#include "plugin/daemon/part.h"

namespace pinscope::daemon {

// Takes its place in the state directory. `options` and `log` must outlive the part. An error says
// if another service is there.
Result<std::unique_ptr<Part>> open_values(const Options& options, const Log& log);

}  // namespace pinscope::daemon
