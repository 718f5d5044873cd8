// Which low-level runtime an engine's container was made with, where a file of /etc/pinscope said
// it: kept in the bundle, which the engine removes with the container. Those files go with the
// wiring, and another runtime can neither kill nor delete what this one made. Beside it containerd
// keeps the same of its own (cmd/containerd-shim-runc-v2: "runtime"), for root alone as well.
#pragma once

#include <string>

namespace pinscope {

// Into the directory `bundle`, mode 0600. Where it cannot be written the container starts all the
// same: as long as the wiring is there nothing is missing.
void keep_runtime(const std::string& bundle, const std::string& program);

// What was kept in the working directory, where containerd's shim stands: the bundle of the
// container, or of its pod's sandbox. Empty if there is none, if others than root could change it,
// or if there is no such program any more.
std::string kept_runtime();

}  // namespace pinscope
