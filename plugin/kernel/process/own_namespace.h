// Whether a process without privileges can make a user namespace and a bpffs in it, tried in a
// short-lived child; for `doctor`. Leaves nothing behind.
#pragma once

#include "plugin/base/result.h"

namespace pinscope::kernel {

// errno of each step, 0 for one that worked; -1 for one that was not reached.
struct OwnNamespace {
  int made = -1;        // unshare(2), user and mount namespace
  int privileged = -1;  // a mount is changed there; AppArmor may make a namespace without rights
  int bpffs = -1;       // a bpffs is made there
};

Result<OwnNamespace> try_own_namespace();

}  // namespace pinscope::kernel
