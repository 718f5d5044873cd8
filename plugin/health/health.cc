#include "plugin/health/health.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "plugin/health/access.h"
#include "plugin/health/audit.h"
#include "plugin/health/engines.h"
#include "plugin/health/follow.h"
#include "plugin/health/kernel.h"
#include "plugin/health/pinning.h"
#include "plugin/health/place.h"
#include "plugin/health/policies.h"
#include "plugin/health/records.h"
#include "plugin/health/refusals.h"
#include "plugin/health/rootless.h"
#include "plugin/health/runtimes.h"
#include "plugin/health/strangers.h"
#include "plugin/health/values.h"

namespace pinscope::health {

namespace {

// What is root's to look at.
std::vector<model::Findings> check_state(const Places& places) {
  return {check_records(places.state_directory),
          check_strangers({.state_directory = places.state_directory,
                           .policy_path = places.policy_path,
                           .cache_directory = places.cache_directory}),
          check_audit(places.audit_path, places.state_directory),
          check_refusals(places.audit_path),
          check_values(places.state_directory, places.policy_path),
          check_follow(places.state_directory, places.policy_path)};
}

}  // namespace

model::Findings examine(const Places& places) {
  std::vector<model::Findings> parts = {
      check_kernel(),
      check_access(),
      check_place(),
      check_host(),
      check_pinning(),
      check_rootless(),
      check_runtimes(),
      check_engines(),
      check_policies(places.policy_path, places.cache_directory, places.look_at_pin)};
  if (is_root()) std::ranges::move(check_state(places), std::back_inserter(parts));
  model::Findings findings;
  for (auto& part : parts) std::ranges::move(part, std::back_inserter(findings));
  return findings;
}

}  // namespace pinscope::health
