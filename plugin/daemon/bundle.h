// Where a container's bundle is, which NRI does not tell: found from its process.
#pragma once

#include <sys/types.h>

#include <string>

#include "plugin/base/result.h"

namespace pinscope::daemon {

// The process that watches over a container works in the container's bundle (conmon), or in that of
// the pod, beside it (containerd's shim): so the working directories of the ancestors of `pid` lead
// to a directory that is named after the container (in CRI-O, whose directory "userdata" is). It
// counts only if root alone can write it and what is above it. kStateInvalid if there is none.
Result<std::string> find_bundle(pid_t pid, const std::string& container_id);

}  // namespace pinscope::daemon
