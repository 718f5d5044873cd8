// Containers that a view cannot be made in, told by what their process is when the hook is called.
// Internal to the pipeline.
#pragma once

#include "plugin/base/result.h"
#include "plugin/kernel/process/process.h"

namespace pinscope {

// kRuntimeUnsupported for one of a runtime whose containers do not run on this kernel, where a view
// would show them nothing, and for one that is restored from a checkpoint: runc calls its hooks
// when CRIU has made the namespaces (libcontainer/criu_linux.go: "setup-namespaces"), which then
// replaces their mounts.
Status refuse_unsupported(const kernel::ContainerProcess& process);

}  // namespace pinscope
