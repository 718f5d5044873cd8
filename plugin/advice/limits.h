// What the objects that are granted close by themselves: maps that are frozen, that programs may
// not write or not read, or that one program alone may have. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "plugin/advice/remarks.h"

namespace pinscope::advice {

// Of the map behind a grant.
struct MapLimits {
  bool is_frozen = false;
  bool is_exclusive = false;
  uint32_t flags = 0;  // as in model::ObjectInfo
};

// `limits` are those of the grants, in the decision's order; without any where it is no map.
std::vector<Remark> remarks_on_limits(const model::Decision& decision,
                                      const std::vector<MapLimits>& limits);

}  // namespace pinscope::advice
