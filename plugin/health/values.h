// Whether the values that containers read as files are kept and served.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "plugin/inventory/values_service.h"
#include "plugin/model/finding.h"

namespace pinscope::health {

// `records`: the ids of containers that have a record; `wanted_by`: the policies that show values.
model::Findings judge_values(const inventory::ValuesService& found,
                             const std::set<std::string>& records,
                             const std::vector<std::string>& wanted_by);

// Nothing where values were never served, and no policy shows any.
model::Findings check_values(const std::string& state_directory, const std::string& policy_path);

}  // namespace pinscope::health
