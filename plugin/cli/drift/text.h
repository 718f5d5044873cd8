// Drift for people, for programs and for monitoring.
#pragma once

#include <string>
#include <string_view>

#include "plugin/cli/term/terminal.h"
#include "plugin/drift/drift.h"

namespace pinscope::cli {

// "3 of 14 containers drifted: 1 extra, 2 stale (NAMES); 1 record is left over": how many entries
// of containers there are of each kind, the worst first, and then what is no container's that runs.
std::string summary_text(const drift::Drift& drift, const std::string& names = "");
std::string to_text(const drift::Drift& drift, const Palette& palette);
// docs/schemas/drift.json describes it.
std::string to_json(const drift::Drift& drift);

// What a plugin of Nagios, Icinga and the like prints, and its exit status: one line, with
// performance data behind "|" (https://nagios-plugins.org/doc/guidelines.html).
struct PluginResult {
  enum Status : int { kOk = 0, kWarning = 1, kCritical = 2, kUnknown = 3 } status = kUnknown;
  std::string line;
};
PluginResult to_plugin_result(const drift::Drift& drift);
// `why`: nothing could be looked at.
PluginResult unknown_result(std::string_view why);

}  // namespace pinscope::cli
