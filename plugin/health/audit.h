// The audit trail: its file, the lines that wait for space, the journal.
#pragma once

#include <string>

#include "plugin/model/finding.h"

namespace pinscope::health {

model::Findings check_audit(const std::string& audit_path, const std::string& state_directory);

}  // namespace pinscope::health
