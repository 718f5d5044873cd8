// The end of a container: its record goes. Its view went with its mount namespace.
#pragma once

#include <string>

#include "plugin/base/result.h"
#include "plugin/pipeline/options.h"

namespace pinscope {

// The poststop hook: removes the records of this container, each with a line in the audit trail.
// Those whose process runs stay.
Status poststop(const HookOptions& options, std::string state_json);

}  // namespace pinscope
