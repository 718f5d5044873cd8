// The part of the floor that makes the view: what is built detached, and moved into the container.
#pragma once

namespace pinscope::bench {

// A sealed bpffs that holds `count` pins of the directory `pins`, as a detached mount of its
// subdirectory. `descriptors` is /proc/self/fd.
int build_view(int descriptors, const char* pins, int count);

// Moves the view in below the rootfs of the process, a pidfd, having looked at every mount that is
// there.
void attach(int tree, int process, const char* rootfs, int descriptors);

}  // namespace pinscope::bench
