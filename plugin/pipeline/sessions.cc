#include "plugin/pipeline/sessions.h"

#include "plugin/kernel/process.h"
#include "plugin/pipeline/run_log.h"
#include "plugin/record/store.h"

namespace pinscope {

void forget_ended_sessions(const HookOptions& options) {
  const auto records = record::Store::open(options.state_directory, false);
  const auto ids = records ? records->ids(kSessionPrefix) : Result<std::vector<std::string>>();
  if (!ids) return;
  for (const auto& id : *ids) {
    const auto found = records->find(id);
    if (!found || !*found || (*found)->record.engine != model::Engine::kHost) continue;
    const model::Record& record = (*found)->record;
    if (kernel::process_start_time(record.pid) == record.process_start) continue;
    RunLog log(options, "run");
    record::describe(record, log.event());
    // Told before it is done, as gc does.
    if (log.write(model::AuditEvent::Outcome::kCollected))
      (void)records->remove(id, (*found)->held);
  }
}

}  // namespace pinscope
