// A container's identity in records and audit lines: for each known fact its value and how it was
// established.
#pragma once

#include <cstddef>

#include "plugin/json/json.h"
#include "plugin/model/container.h"

namespace pinscope::record {

// An `engine` that is known is a fact like the others. Long values are cut (see bounds.h), and so
// are the labels once `json` holds `labels_up_to` bytes: true if something was.
bool write_identity(JsonWriter& json, const model::Identity& identity,
                    model::Engine engine = model::Engine::kUnknown,
                    size_t labels_up_to = size_t{1} << 20);
Result<model::Identity> read_identity(const JsonView& value);

}  // namespace pinscope::record
