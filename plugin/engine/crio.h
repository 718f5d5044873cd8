// CRI-O: hook files in a directory of its own, added by a drop-in of crio.conf(5). It has no stage
// before the container's configuration is final, so a hook cannot open the seccomp profile for
// bpf(2): that takes the NRI plugin or a profile of the pod's own. It refuses to start if a hook
// file names a stage that it does not know.
//
// Facts (cri-o: internal/criocli/criocli.go, pkg/config/config.go): options stand above variables
// of the environment, those above files; the drop-ins' directory is walked, with those below it.
#pragma once

#include "plugin/engine/wiring/wiring.h"

namespace pinscope::engine {

extern const Wiring kCrioWiring;

}  // namespace pinscope::engine
