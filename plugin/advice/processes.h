// The remarks on a container that sees the host's processes. Internal to advice/.
#pragma once

#include <vector>

#include "plugin/advice/remarks.h"

namespace pinscope::advice {

// Nothing where the container has a PID namespace of its own and no volume with a /proc or a socket
// of the host in it, or a user namespace.
std::vector<Remark> remarks_on_processes(const model::Container& container);

}  // namespace pinscope::advice
