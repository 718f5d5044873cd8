// One run of the pipeline as the audit trail sees it: an event that grows on the way, and the
// trail, opened at the first need. For the pipeline and for what decides before it (daemon).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "plugin/base/clock.h"
#include "plugin/model/record.h"
#include "plugin/pipeline/options.h"
#include "plugin/policy/set/store.h"
#include "plugin/record/audit.h"

namespace pinscope {

class RunLog {
 public:
  // `options` must outlive it; `stage` as the audit trail calls it.
  RunLog(const HookOptions& options, std::string stage);

  model::AuditEvent& event() { return event_; }

  // Opens the trail now, while paths still are the host's.
  void open() { (void)trail(); }
  Status write(model::AuditEvent::Outcome outcome);

  // A refusal stands elsewhere as well; a trail that cannot be written does not change it.
  void refuse(const Error& error);

  // A new or refused edit of the policies is an event of its own, whatever becomes of the
  // container.
  void report_refresh(const policy::PolicyStore& store);

 private:
  const record::AuditTrail& trail();

  const HookOptions& options_;
  const uint64_t started_ns_ = monotonic_ns();
  model::AuditEvent event_;
  std::optional<record::AuditTrail> trail_;
};

// The policies in force. `log` hears of a new or refused edit.
Result<policy::PolicyStore> open_policies(const HookOptions& options, RunLog& log);

// A start as far as it is known when it is refused.
struct RefusedStart {
  std::string stage;         // as the audit trail calls it: createRuntime, shim
  std::string container_id;  // empty: not known yet
  std::string bundle;
};

// A start that is refused outside of create_runtime(): tells the audit trail, which is all that an
// operator sees where the runtime hides stderr.
void report_refused_start(const HookOptions& options, const RefusedStart& start,
                          const Error& error);

}  // namespace pinscope
