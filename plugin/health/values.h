// Whether the values that containers read as files are kept and served.
#pragma once

#include <set>
#include <string>

#include "plugin/inventory/values_service.h"
#include "plugin/model/finding.h"

namespace pinscope::health {

// `records`: the ids of containers that have a record.
model::Findings judge_values(const inventory::ValuesService& found,
                             const std::set<std::string>& records);

// Nothing where values were never served.
model::Findings check_values(const std::string& state_directory);

}  // namespace pinscope::health
