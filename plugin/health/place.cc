#include "plugin/health/place.h"

#include <unistd.h>

#include <string>

#include "plugin/kernel/process/privileges.h"

namespace pinscope::health {

using model::Finding;
using Level = Finding::Level;

bool is_root() {
  return ::geteuid() == 0;
}

bool is_on_machine() {
  return kernel::in_initial_user_namespace() && kernel::in_initial_pid_namespace();
}

model::Findings check_place() {
  model::Findings findings;
  if (!is_root())
    findings.push_back(
        {Level::kWarn, "host", "user",
         "uid " + std::to_string(::geteuid()) +
             ": not root. Not looked at: what the kernel tells root alone, pinning by "
             "others, the set in force, records, containers, the audit trail",
         "run pinscope doctor as root"});
  if (!is_on_machine())
    findings.push_back({Level::kWarn, "host", "namespaces",
                        "in a container, by its PID or user namespace: runtimes, engines, mounts "
                        "and records are those that are seen here, not the machine's",
                        "run pinscope doctor on the machine itself"});
  return findings;
}

}  // namespace pinscope::health
