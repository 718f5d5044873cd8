// The log of one run of the pipeline: an audit event that is filled on the way, and the audit
// trail, opened when it is first needed. For the pipeline and for what decides before it (daemon).
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

  // Writes a refused start, or a change that was refused or failed. A trail that cannot be written
  // is no error, because the caller reports the refusal as well.
  void refuse(const Error& error) { fail(error, model::AuditEvent::Outcome::kRefused); }
  void tell_not_changed(const Error& error) {
    fail(error, model::AuditEvent::Outcome::kNotChanged);
  }

  // A new or refused edit of the policies is an event of its own, whatever becomes of the
  // container.
  void report_refresh(const policy::PolicyStore& store);

 private:
  const record::AuditTrail& trail();
  void fail(const Error& error, model::AuditEvent::Outcome outcome);

  const HookOptions& options_;
  const uint64_t started_ns_ = monotonic_ns();
  model::AuditEvent event_;
  std::optional<record::AuditTrail> trail_;
};

// The policies in force. `log` hears of a new or refused edit.
Result<policy::PolicyStore> open_policies(const policy::StoreOptions& options, RunLog& log);

// A start as far as it is known when it is refused.
struct RefusedStart {
  std::string stage;         // as the audit trail calls it: createRuntime, shim
  std::string container_id;  // empty: not known yet
  std::string bundle;
};

// Writes an audit line for a start that is refused outside of create_runtime(). It is all that an
// operator sees if the runtime hides stderr.
void report_refused_start(const HookOptions& options, const RefusedStart& start,
                          const Error& error);

}  // namespace pinscope
