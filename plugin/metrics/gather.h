// Looks at the machine for metrics: the records and what is live of them, the policies in force,
// the granted maps, and the audit trail from where the last look stopped; not for drift, which is a
// room above. Changes nothing but the file with the counters, and the working directory.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/metrics/facts.h"

namespace pinscope::metrics {

struct GatherOptions {
  std::string policy_path;
  std::string cache_directory;  // where the counters are kept, too
  std::string state_directory;
  std::string audit_path;
  // Bytes of the trail that are read at once; the rest is for the next time.
  uint64_t budget = uint64_t{64} << 20;
  // For looking at records. A container can lead the way to its view through a file system that
  // does not answer, and many of them must not keep the rest from being told in time: views and
  // sources that are left over count as unknown. One look takes up to three seconds more.
  std::chrono::milliseconds time_for_records{4000};
  // For taking the inventory, which looks at every process, mount namespace and pin of the machine.
  // It is given up then, and is not begun when the rest took longer than twice that.
  std::chrono::milliseconds time_for_inventory{2000};
  // For the answer of the service that follows, which answers after what it does.
  std::chrono::milliseconds time_for_follow{1000};
};

struct Gathered {
  Facts facts;
  std::vector<Error> failed;  // why a part is not in `facts`, or was not saved
};

// Takes what can be had: a part that fails is not there.
Gathered gather(const GatherOptions& options);

// The audit trail alone.
Result<AuditFacts> count_trail(const GatherOptions& options, std::vector<Error>& failed);

}  // namespace pinscope::metrics
