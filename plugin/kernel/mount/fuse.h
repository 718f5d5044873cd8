// A file system of FUSE that nobody serves yet: its superblock, and the descriptor by which
// somebody will. Whoever serves it has no right by that descriptor but to answer.
#pragma once

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope::kernel {

struct UnservedFuse {
  Fd device;   // /dev/fuse of this superblock; once the last one is closed, the file system is dead
  Fd context;  // of fsopen(2)
  Fd mount;    // attached nowhere, nosuid, nodev and noexec
};

// A superblock of the host's user namespace, read-only, that everybody may enter as its owners and
// modes say (allow_other, default_permissions; the root is 40555 of 0:0 until it is served). Needs
// CAP_SYS_ADMIN. kKernelUnsupported: this machine has no FUSE. Nothing here waits for an answer;
// whoever asks for attributes of a file does, so use AT_STATX_DONT_SYNC (mounts.h).
Result<UnservedFuse> make_unserved_fuse();

}  // namespace pinscope::kernel
