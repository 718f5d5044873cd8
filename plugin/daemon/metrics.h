// Metrics over a socket, beside the NRI plugin or alone. What they are, `pinscope metrics` says,
// which is run for each scrape: it looks into containers and reads what others wrote, and neither
// its memory nor its end is this process's.
#pragma once

#include <memory>

#include "plugin/base/result.h"
#include "plugin/daemon/log.h"
#include "plugin/daemon/options.h"
#include "plugin/daemon/part.h"

namespace pinscope::daemon {

// Listens at options.metrics: the address is here first, before an engine is served, so that one
// that is wrong shows. `options` and `log` must outlive the part.
Result<std::unique_ptr<Part>> open_metrics(const Options& options, const Log& log);

}  // namespace pinscope::daemon
