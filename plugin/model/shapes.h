// How what every JSON output has looks: a rule, a mode, a point in time. Outputs of commands and
// the audit trail write them by these functions alone; docs/schemas/common.json says the same.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/json/json.h"
#include "plugin/model/decision.h"

namespace pinscope::model {

// The members of a rule, in an object that is open: policy, file, line, column.
void add_rule(JsonWriter& json, const Rule& rule);
// Rules as a value: one, or an array.
void write_rule(JsonWriter& json, const Rule& rule);
void write_rules(JsonWriter& json, const std::vector<Rule>& rules);
void write_texts(JsonWriter& json, const std::vector<std::string>& texts);

// "0440": permission bits, four octal digits.
std::string mode_text(uint32_t mode);

}  // namespace pinscope::model
