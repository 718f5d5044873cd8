#include "plugin/pipeline/run_log.h"

#include <utility>

#include "plugin/record/chain.h"

namespace pinscope {

using model::AuditEvent;

namespace {

// Of what the policies say, whenever and from wherever they were read.
std::string digest_of(const policy::CompiledSet& set) {
  const auto policies = set.all();
  return policies ? record::sha256(policy::compile(*policies, {})) : "";
}

}  // namespace

RunLog::RunLog(const HookOptions& options, std::string stage) : options_(options) {
  event_.stage = std::move(stage);
  event_.given.engine = options.engine;
}

Status RunLog::write(AuditEvent::Outcome outcome) {
  event_.outcome = outcome;
  event_.time_ns = wall_clock_ns();
  event_.duration_ns = monotonic_ns() - started_ns_;
  return trail().write(event_);
}

void RunLog::fail(const Error& error, AuditEvent::Outcome outcome) {
  event_.error_code = std::string(code_name(error.code()));
  event_.error = error.sentence();
  for (const auto& rule : error.rules())
    event_.rules.push_back({rule.policy, {rule.file, rule.line, rule.column}});
  (void)write(outcome);
}

void RunLog::report_refresh(const policy::PolicyStore& store) {
  using Refresh = policy::PolicyStore::Refresh;
  if (store.refresh() == Refresh::kNone) return;
  if (store.rejected()) {
    event_.error_code = std::string(code_name(ErrorCode::kPolicyInvalid));
    event_.error = *store.rejected();
  }
  event_.accepted = store.accepted();
  if (event_.accepted) event_.accepted->digest = digest_of(store.set());
  (void)write(store.refresh() == Refresh::kAccepted ? AuditEvent::Outcome::kPolicyAccepted
                                                    : AuditEvent::Outcome::kPolicyRejected);
  event_.accepted.reset();
  event_.error_code.clear();
  event_.error.clear();
}

Result<policy::PolicyStore> open_policies(const policy::StoreOptions& options, RunLog& log) {
  PINSCOPE_TRY(auto policies, policy::PolicyStore::open(options));
  log.report_refresh(policies);
  return policies;
}

void report_refused_start(const HookOptions& options, const RefusedStart& start,
                          const Error& error) {
  RunLog log(options, start.stage);
  log.event().given.id = start.container_id;
  log.event().given.bundle = start.bundle;
  log.refuse(error);
}

const record::AuditTrail& RunLog::trail() {
  if (!trail_) {
    record::AuditOptions audit = options_.audit;
    audit.waiting_directory = options_.state_directory;
    trail_ = record::AuditTrail::open(audit);
  }
  return *trail_;
}

}  // namespace pinscope
