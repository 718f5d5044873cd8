// What doctor looks at: each part of the machine gives findings. Nothing here changes anything.
#pragma once

#include <string>
#include <vector>

#include "plugin/cli/term/command.h"

namespace pinscope::cli {

struct Finding {
  enum class Level { kOk, kWarn, kFail } level = Level::kOk;
  std::string area;    // kernel, host, rootless, runtime, engine, policy, state, audit
  std::string name;    // detached mount trees
  std::string detail;  // what was found
  std::string action;  // what to do about it; empty if nothing
};
using Findings = std::vector<Finding>;

const char* name_of(Finding::Level level);

// A file's text without the newlines at its end.
Result<std::string> read_text(const std::string& path, size_t limit = 4096);

Findings kernel_health();
// What may stand between a container and a map that it was granted: sysctl, lockdown, SELinux,
// AppArmor. Reads files below `root`, which tests set.
Findings access_health(const std::string& root = "");
Findings host_health();
// Who on the host could make a descriptor for reading one for writing, by pinning it again: nothing
// but for root. `writable`: where a bpffs is mounted that everybody may pin in.
Findings pinning_health();
Finding judge_pinning(const std::vector<std::string>& writable);
// What a user without privileges can have here; nothing for root.
Findings rootless_health();
Findings runtime_health();
Findings engine_health();
Findings policy_health(const Settings& settings);
Findings state_health(const Settings& settings);
Findings audit_health(const Settings& settings);

}  // namespace pinscope::cli
