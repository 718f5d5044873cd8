// The audit line. Its fields are a contract with whoever reads the file: none changes its meaning,
// new ones may come.
#pragma once

#include <string>

#include "plugin/model/record.h"

namespace pinscope::record {

// The line, without its newline. What is too long is cut, with a mark, and "cut": true says so.
std::string to_json_line(const model::AuditEvent& event);

}  // namespace pinscope::record
