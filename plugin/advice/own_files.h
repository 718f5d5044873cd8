// The remarks on volumes that hold Pinscope's own files: whoever writes those decides instead of
// the policies. Internal to advice/.
#pragma once

#include <vector>

#include "plugin/advice/remarks.h"

namespace pinscope::advice {

// For a container that no policy selects as well: what it writes is in force for all the others.
std::vector<Remark> remarks_on_own_files(const model::Container& container);

}  // namespace pinscope::advice
