// A container's identity in records and audit lines: for each known fact its value and how it was
// established. Internal to record/.
#pragma once

#include "plugin/base/json.h"
#include "plugin/model/container.h"

namespace pinscope::record {

// An `engine` that is known is a fact like the others.
void write_identity(JsonWriter& json, const model::Identity& identity,
                    model::Engine engine = model::Engine::kUnknown);
Result<model::Identity> read_identity(const JsonView& value);

}  // namespace pinscope::record
