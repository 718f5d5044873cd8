// The remarks on whoever shares a namespace with the container, and on where a granted map may go
// from it. Internal to advice/.
#pragma once

#include <string>
#include <vector>

#include "plugin/advice/remarks.h"

namespace pinscope::advice {

// The names of those that are granted for reading.
std::string maps_to_read(const model::Decision& decision);

std::vector<Remark> remarks_on_neighbours(const model::Container& container,
                                          const model::Decision& decision);

}  // namespace pinscope::advice
