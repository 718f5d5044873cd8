// Podman: a hook file in a directory of its own, added by a drop-in of containers.conf(5). Podman
// reads both for each container that it makes, so nothing is to be restarted but a service for its
// API, which has read the drop-ins when it was started. The file is for "precreate", at which the
// hook adds itself for the other stages to config.json where a policy may select the container: any
// other one pays for one short process (docs/adr/0025-no-hook-where-nothing-is-selected.md).
// Buildah, and with it `podman build`, reads the default directory as well and does not know
// "precreate": a file for that stage there would break every build, which is one more reason for a
// directory of our own.
#pragma once

#include "plugin/engine/wiring/wiring.h"

namespace pinscope::engine {

extern const Wiring kPodmanWiring;

}  // namespace pinscope::engine
