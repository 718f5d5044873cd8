// The remarks on whoever shares a namespace with the container, and on where a granted map may go
// from it. Internal to cli/remarks*.cc.
#pragma once

#include <vector>

#include "plugin/cli/remarks.h"

namespace pinscope::cli {

std::vector<Remark> remarks_on_neighbours(const model::Container& container,
                                          const model::Decision& decision);

}  // namespace pinscope::cli
