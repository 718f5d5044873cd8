// MapSource: a map of the kernel as a Source. The only file of this folder that asks a map.
#pragma once

#include <memory>

#include "plugin/base/result.h"
#include "plugin/model/values.h"
#include "plugin/values/fuse/source.h"

namespace pinscope::values {

// `map` must stay open for as long as the source is there; `btf` may be closed afterwards, and is
// -1 if there is none.
Result<std::unique_ptr<Source>> map_source(int map, int btf, model::ValueForm form);

}  // namespace pinscope::values
