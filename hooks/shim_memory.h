// Remembers with which low-level runtime a container was made, if a file of /etc/pinscope named it.
// The bundle keeps this, and the engine removes the bundle with the container. Those files go with
// the wiring, and another runtime can neither kill nor delete what this one made. Beside it
// containerd keeps the same of its own (cmd/containerd-shim-runc-v2: "runtime"), for root alone as
// well.
#pragma once

#include <string>

namespace pinscope {

// Writes the path of `program` into the directory `bundle`, mode 0600. If that fails the container
// starts nevertheless: nothing is missing as long as the wiring exists.
void keep_runtime(const std::string& bundle, const std::string& program);

// Reads what was kept in the working directory, which is that of containerd's shim: the bundle of
// the container, or of its pod's sandbox. Empty if there is none, if others than root could change
// it, or if there is no such program any more.
std::string kept_runtime();

}  // namespace pinscope
