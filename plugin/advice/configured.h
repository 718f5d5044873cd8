// Questions about a container's configuration that several kinds of remarks ask. Internal to
// advice/.
#pragma once

#include <cstdint>
#include <string_view>

#include "plugin/model/container.h"

namespace pinscope::advice {

bool has(const model::Container& container, uint32_t capability);
bool has_user_namespace(const model::Container& container);
bool has_option(const model::ConfiguredMount& mount, std::string_view option);

}  // namespace pinscope::advice
