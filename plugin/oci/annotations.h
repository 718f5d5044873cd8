// The `annotations` object of the state JSON and of config.json. Internal to oci/.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "plugin/json/json.h"

namespace pinscope::oci {

using Annotations = std::vector<std::pair<std::string, std::string>>;

// The annotations of `object`, in the order of the text; none if it has none. A value that is not
// a string and a key that appears twice are errors.
Result<Annotations> read_annotations(const JsonView& object);

}  // namespace pinscope::oci
