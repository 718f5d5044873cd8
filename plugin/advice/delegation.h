// The remarks on what a container may load by itself (delegate). Internal to advice/.
#pragma once

#include <vector>

#include "plugin/advice/remarks.h"

namespace pinscope::advice {

// None where nothing is delegated.
std::vector<Remark> remarks_on_delegation(const model::Container& container,
                                          const model::Decision& decision);

}  // namespace pinscope::advice
