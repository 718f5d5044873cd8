// The ways past a view that a live process has, whatever a policy grants.
#pragma once

#include <vector>

#include "plugin/kernel/process/credentials.h"
#include "plugin/model/bypass.h"
#include "plugin/model/container.h"

namespace pinscope::inventory {

// What policy/ finds in a configuration, found in the process. `configured`: what else is known of
// its container, such as its mounts; its capabilities are the process's. Pure. Each kind once.
std::vector<model::Bypass> bypasses_of(const kernel::Credentials& process,
                                       model::Container configured = {});

}  // namespace pinscope::inventory
