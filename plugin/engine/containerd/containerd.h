// containerd: an additional runtime for its CRI plugin whose OCI runtime is our shim; Kubernetes
// selects it by a RuntimeClass. From containerd 2.0 on, a drop-in file does it, which the root file
// must import. Before, imported sections do not merge (see config.h), so the root file
// gets a marked block. k3s and RKE2 write their root file anew at each start, so there only a
// drop-in is of use. Nothing is needed for `ctr` and nerdctl: they are told which runtime to use.
#pragma once

#include "plugin/engine/wiring/wiring.h"

namespace pinscope::engine {

extern const Wiring kContainerdWiring;

}  // namespace pinscope::engine
