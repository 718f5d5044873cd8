#include "plugin/health/health.h"

#include "plugin/health/access.h"
#include "plugin/health/audit.h"
#include "plugin/health/engines.h"
#include "plugin/health/kernel.h"
#include "plugin/health/pinning.h"
#include "plugin/health/policies.h"
#include "plugin/health/records.h"
#include "plugin/health/rootless.h"
#include "plugin/health/runtimes.h"

namespace pinscope::health {

model::Findings examine(const Places& places) {
  model::Findings findings;
  for (auto part : {check_kernel(), check_access(), check_host(), check_pinning(), check_rootless(),
                    check_runtimes(), check_engines(),
                    check_policies(places.policy_path, places.cache_directory, places.look_at_pin),
                    check_records(places.state_directory),
                    check_audit(places.audit_path, places.state_directory)})
    findings.insert(findings.end(), part.begin(), part.end());
  return findings;
}

}  // namespace pinscope::health
