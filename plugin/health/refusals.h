// The starts that were refused in the last 24 hours, and the changes of running containers that
// were refused or failed, as the audit trail tells it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "plugin/model/finding.h"

namespace pinscope::health {

// Reads at most the last 4 MiB of the trail's file, not those that were rotated away. Nothing if it
// cannot be read: that is for check_audit() to say.
model::Findings check_refusals(const std::string& audit_path);
// `text`: the end of the trail, or all of it. `now_ns` since 1970. Says since when it looked, if
// that is less than a day. One finding of the starts, and one of the changes if any failed.
model::Findings judge_refusals(std::string_view text, bool is_whole, uint64_t now_ns);

}  // namespace pinscope::health
