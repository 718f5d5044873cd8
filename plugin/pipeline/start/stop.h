// The end of a container: its record is removed. Its view is gone with its mount namespace.
#pragma once

#include <string>

#include "plugin/base/result.h"
#include "plugin/pipeline/options.h"

namespace pinscope {

// The poststop hook: removes the records of this container, each with an audit line, except those
// whose process still runs.
Status poststop(const HookOptions& options, std::string state_json);

}  // namespace pinscope
