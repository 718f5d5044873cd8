// Follow as a part of pinscoped (`pinscoped --follow`): views of running containers are changed
// when a source that they follow, or their policies, have changed. This process watches, and says
// at a socket how it is; `pinscope apply` is run for the containers whose turn it is. What is known
// comes from the records and the machine: whenever it is started, it brings everything up to date.
#pragma once

#include <memory>

#include "plugin/base/result.h"
#include "plugin/daemon/log.h"
#include "plugin/daemon/options.h"
#include "plugin/daemon/part.h"

namespace pinscope::daemon {

// Takes its place in the state directory. `options` and `log` must outlive the part. An error says
// if another service is there.
Result<std::unique_ptr<Part>> open_follow(const Options& options, const Log& log);

}  // namespace pinscope::daemon
