#include "plugin/pipeline/start/start.h"

#include <optional>
#include <utility>

#include "plugin/apply/apply.h"
#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/kernel/bpf/source.h"
#include "plugin/kernel/probe.h"
#include "plugin/kernel/process/privileges.h"
#include "plugin/kernel/process/process.h"
#include "plugin/kernel/sys.h"
#include "plugin/pipeline/admit.h"
#include "plugin/pipeline/ended.h"
#include "plugin/pipeline/host_view.h"
#include "plugin/pipeline/identify.h"
#include "plugin/pipeline/ledger.h"
#include "plugin/pipeline/sources.h"
#include "plugin/plan/build.h"
#include "plugin/policy/decide/bypass.h"
#include "plugin/policy/decide/decide.h"
#include "plugin/policy/decide/grantable.h"
#include "plugin/policy/decide/reach.h"
#include "plugin/policy/decide/select.h"

namespace pinscope {
namespace {

using namespace model;

// What the policies say, for the audit line and the record.
void describe(const Decision& decision, AuditEvent& event) {
  event.given.selected_by = decision.selected_by;
  event.given.refusals = decision.refusals;
  event.notes = decision.notes;
}

// The record before anything is done; `given`: as far as it is known.
Record intent(Given given, const Container& container, const kernel::ContainerProcess& process,
              const Decision& decision) {
  Record record;
  record.given = std::move(given);
  record.given.delegation = decision.delegation;
  if (decision.shows_values()) record.given.values_at = decision.values_at;
  record.rootfs = container.rootfs;
  record.process_start = process.start_time();
  record.mount_namespace = process.mount_namespace();
  record.created_ns = wall_clock_ns();
  record.version = PINSCOPE_VERSION;
  record.at = decision.at;
  record.layout = decision.layout;
  record.host_bpffs = decision.host_bpffs;
  record.on_change = decision.on_change;
  record.followed = decision.followed;
  return record;
}

// Judges the objects and mounts that the steps find. What the container shares with the host is
// looked at now, while paths are the host's. The decision must outlive the result.
auto reach_judge(const Decision& decision, const Container& container,
                 const policy::HostView& host) {
  return [&decision, shared = policy::shared_namespaces(container, host)](
             const std::vector<PinnedObject>& pins, std::vector<WayOut> ways) {
    ways.insert(ways.end(), shared.begin(), shared.end());
    return policy::check_reach(decision, objects_of(pins), ways);
  };
}

// Carries the plan out. Where the kernel turns out to lack detached trees, it is the plan that does
// without.
Result<apply::Applied> make_view(const Decision& decision, const Container& container, Plan plan,
                                 Features features, const apply::Target& target) {
  auto view = apply::apply(std::move(plan), target, features);
  if (view || view.error().code() != ErrorCode::kKernelUnsupported || !features.detached_trees)
    return view;
  features.detached_trees = false;
  PINSCOPE_TRY(plan, plan::build(decision, container, features));
  return apply::apply(std::move(plan), target, features);
}

// Notes by which ways the container gets past its view, and refuses it where a policy says so.
Status judge_bypasses(const Decision& decision, const std::vector<policy::FoundBypass>& found,
                      Given& given) {
  given.bypasses = policy::kinds_of(found);
  return policy::check_void(decision, given.bypasses);
}

// What the steps work with.
struct Start {
  const HookOptions& options;
  const policy::CompiledSet& policies;
  Subject subject;
  RunLog& log;
  const Result<kernel::ContainerProcess> process;
  Ledger ledger;
};

// What the start asked for by name has to be there.
Status require_policies(const Start& start, const Decision& decision,
                        const policy::HostView& host) {
  const auto& required = start.options.required_policies;
  if (required.empty()) return {};
  PINSCOPE_TRY(const auto all, start.policies.all());
  return check_required(required, decision.selected_by, all, start.subject.container, host);
}

// The steps from the policies that may select the subject to its view. Each takes what those before
// it have found. Nothing is changed before the record says what is about to be.
Result<bool> take_steps(Start& start, const std::vector<Policy>& candidates) {
  const HookOptions& options = start.options;
  Container& container = start.subject.container;
  const auto& process = start.process;
  RunLog& log = start.log;

  // What do the policies say?
  const policy::HostView host = host_at_start(process);
  PINSCOPE_TRY(auto decision, policy::decide(candidates, container, host));
  PINSCOPE_CHECK(require_policies(start, decision, host));
  if (!decision.selected()) return false;
  describe(decision, log.event());

  // May the container have a view?
  if (!process) return std::unexpected(process.error());
  PINSCOPE_CHECK(admit(decision, facts_of(*process)));
  const auto around = surroundings_of(container, start.subject.is_session, *process, host);
  PINSCOPE_CHECK(judge_bypasses(
      decision,
      policy::find_bypasses(decision, container, around, policy::expected_objects(decision)),
      log.event().given));
  // The kernel's own count since there is a process, not those that were asked for.
  PINSCOPE_TRY(container.uid_map, process->uid_map());
  PINSCOPE_TRY(container.gid_map, process->gid_map());

  // Which of its sources are there, and what is to be done?
  PINSCOPE_TRY(const Fd descriptors, kernel::open_descriptor_directory());
  const Features features = kernel::quick_features();
  kernel::SourceOpener sources(descriptors.get(), policy::ObjectJudge(), features.pin_by_fd);
  const auto skipped = take_skipped(decision, sources);
  log.event().notes = decision.notes;
  PINSCOPE_TRY(auto plan, plan::build(decision, container, features));
  if (plan.steps.empty() && skipped.empty() && decision.refusals.empty() &&
      decision.followed.empty())
    return true;

  // The record says so first. It and the audit trail are opened while paths still are the host's.
  log.open();
  Record record = intent(log.event().given, container, *process, decision);
  PINSCOPE_TRY(const bool begun, start.ledger.begin(record));
  if (!begun) return true;  // an earlier hook of this start has made the view
  collect_ended(options, start.ledger.records(), log.event().stage);

  // The machine is changed. Whatever fails from here on, `view` takes back.
  const auto judge = reach_judge(decision, container, host);
  const apply::Target target{&*process,
                             container.id,
                             options.state_directory,
                             container.rootfs,
                             start.subject.is_session,
                             descriptors.get(),
                             &sources,
                             judge};
  PINSCOPE_TRY(auto view, make_view(decision, container, std::move(plan), features, target));
  PINSCOPE_CHECK(kernel::restrict_to_undo());

  // Record and audit line say what came of it, and the view stays.
  record.state = Record::State::kApplied;
  record.given.pins = view.take_pins();
  auto bypasses = policy::find_bypasses(decision, container, around, objects_of(record.given.pins));
  if (view.left_bpffs()) bypasses.push_back({Bypass::kHostBpffs});
  PINSCOPE_CHECK(judge_bypasses(decision, bypasses, record.given));
  for (const auto& grant : skipped) record.given.pins.push_back({grant, {}, true});
  record.given.hidden = view.hidden();
  record.instances = view.instances();
  PINSCOPE_CHECK(start.ledger.keep(record));
  log.event().given = std::move(record.given);
  PINSCOPE_CHECK(log.write(AuditEvent::Outcome::kGranted));
  view.keep();
  return true;
}

// The first two steps, which are a container's alone.
Status start_container(const HookOptions& options, std::string state_json, RunLog& log) {
  PINSCOPE_TRY(const auto policies, open_policies(options.policy, log));
  if (policies.empty() && options.required_policies.empty()) return {};
  PINSCOPE_TRY(auto container, identify(options, policies.set(), std::move(state_json), log));
  if (!container) return {};
  PINSCOPE_TRY([[maybe_unused]] const bool given,
               give_view(options, policies.set(), {*std::move(container)}, log));
  return {};
}

}  // namespace

Result<bool> give_view(const HookOptions& options, const policy::CompiledSet& policies,
                       Subject subject, RunLog& log) {
  PINSCOPE_TRY(const auto candidates, policies.candidates(subject.container));
  if (candidates.empty() && options.required_policies.empty()) return false;
  auto process = find_process(subject.container);
  Start start{options, policies,           std::move(subject),
              log,     std::move(process), Ledger(options.state_directory)};
  auto given = take_steps(start, candidates);
  if (given) return given;
  // What an earlier hook of this start has made goes as well: the container does not start.
  const auto& [container, is_session] = start.subject;
  if (start.process && (start.ledger.has_begun() || !is_session))
    start.ledger.take_back(container.id, *start.process);
  Error error = kernel::where_rights_end(std::move(given).error());
  if (is_session) return std::unexpected(std::move(error));
  return std::unexpected(std::move(error).in("container " + quoted(container.id)));
}

Status create_runtime(const HookOptions& options, std::string state_json) {
  RunLog log(options, "createRuntime");
  auto done = start_container(options, std::move(state_json), log);
  if (!done) log.refuse(done.error());
  return done;
}

}  // namespace pinscope
