#include "plugin/pipeline.h"

#include <algorithm>
#include <optional>

#include "plugin/apply/apply.h"
#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/kernel/bpf/program_reach.h"
#include "plugin/kernel/bpf/same_objects.h"
#include "plugin/kernel/bpf/source.h"
#include "plugin/kernel/probe.h"
#include "plugin/kernel/process/privileges.h"
#include "plugin/kernel/process/process.h"
#include "plugin/kernel/sys.h"
#include "plugin/oci/config.h"
#include "plugin/oci/state.h"
#include "plugin/pipeline/configuration.h"
#include "plugin/pipeline/ended.h"
#include "plugin/pipeline/host.h"
#include "plugin/pipeline/reach.h"
#include "plugin/pipeline/records.h"
#include "plugin/pipeline/run_log.h"
#include "plugin/pipeline/sources.h"
#include "plugin/pipeline/unsupported.h"
#include "plugin/plan/build.h"
#include "plugin/policy/decide/decide.h"
#include "plugin/policy/decide/reach.h"
#include "plugin/policy/set/compiled.h"
#include "plugin/record/store.h"

namespace pinscope {
namespace {

using namespace model;

// One run of a hook: what the stages hand to each other, and the audit line that grows on the way.
class HookRun {
 public:
  HookRun(const HookOptions& options, const char* stage)
      : options_(options), log_(options, stage) {}

  Status create_runtime(std::string state_json) {
    auto store = policy::PolicyStore::open(options_.policy);
    if (store) {
      log_.report_refresh(*store);
      if (store->empty() && options_.required_policies.empty()) return {};
    }
    auto done = store ? create(*store, std::move(state_json))
                      : Status(std::unexpected(std::move(store).error()));
    if (!done) log_.refuse(done.error());
    return done;
  }

  Result<bool> open_session(const Session& session) {
    PINSCOPE_TRY(auto store, policy::PolicyStore::open(options_.policy));
    log_.report_refresh(store);
    container_.id = std::string(kSessionPrefix) + std::to_string(session.pid);
    container_.rootfs = "/";
    container_.pid = session.pid;
    container_.engine = options_.engine;
    container_.uid = session.uid;
    container_.gid = session.gid;
    container_.additional_gids = session.groups;
    namespace_of(container_, NamespaceKind::kMount).mode = Namespace::Mode::kPrivate;
    is_session_ = true;
    event_.given.id = container_.id;
    event_.given.pid = session.pid;
    event_.given.uid = session.uid;

    PINSCOPE_TRY(const auto candidates, store.set().candidates(container_));
    PINSCOPE_TRY(auto decision, policy::decide(candidates, container_, host_view()));
    if (!decision.selected()) return false;
    event_.given.selected_by = decision.selected_by;
    event_.given.refusals = decision.refusals;
    event_.notes = decision.notes;
    forget_ended_sessions(options_);
    auto given = kernel::where_rights_end(give_view(std::move(decision)));
    if (given) return true;
    log_.refuse(given.error());
    return std::unexpected(std::move(given).error());
  }

  Status poststop(std::string state_json) {
    PINSCOPE_TRY(const auto state, oci::parse_state(std::move(state_json)));
    PINSCOPE_TRY(const auto records, record::Store::open(options_.state_directory, false));
    return forget_stopped(records, state, log_);
  }

 private:
  Status create(policy::PolicyStore& store, std::string state_json) {
    auto done = decide_and_give(store, std::move(state_json));
    if (!done && !begun_) forget_earlier_hook();
    return done;
  }

  // An earlier hook of this start may have made the view, and crun runs no poststop for a container
  // that a hook refused.
  void forget_earlier_hook() {
    if (container_.id.empty()) return;
    const auto records = record::Store::open(options_.state_directory, false);
    const auto process = container_process();
    if (!records || !process) return;
    forget_start(*records, container_.id, **process);
  }

  Status decide_and_give(policy::PolicyStore& store, std::string state_json) {
    PINSCOPE_TRY(auto state, oci::parse_state(std::move(state_json)));
    event_.given.id = state.id;
    event_.given.bundle = state.bundle;
    event_.given.pid = state.pid;
    auto config = read_config(state);
    // What cannot be told apart is refused, unless there is nothing to tell.
    if (!config && config.error().code() == ErrorCode::kStateInvalid &&
        !may_concern_us(store.set()))
      return {};
    if (!config) return std::unexpected(std::move(config).error());
    PINSCOPE_TRY(container_, oci::read_container(state, *std::move(config), options_.engine));
    container_.identity.kubernetes_labels = oci::facts_of(options_.pod_labels);
    event_.given.bundle = container_.bundle;
    event_.given.identity = container_.identity;
    const bool is_asked_for_more = !options_.required_policies.empty();
    if (container_.identity.is_sandbox && !is_asked_for_more) return {};

    PINSCOPE_TRY(const auto candidates, store.set().candidates(container_));
    if (candidates.empty() && !is_asked_for_more) return {};
    PINSCOPE_TRY(auto decision, policy::decide(candidates, container_, host_view()));
    PINSCOPE_CHECK(in_context(check_required(store.set(), decision.selected_by),
                              "container " + quoted(container_.id)));
    if (!decision.selected()) return {};
    event_.given.selected_by = decision.selected_by;
    event_.given.refusals = decision.refusals;
    event_.notes = decision.notes;
    return in_context(kernel::where_rights_end(give_view(std::move(decision))),
                      "container " + quoted(container_.id));
  }

  // Whether any policy can select a container of which nothing but the engine is known.
  [[nodiscard]] bool may_concern_us(const policy::CompiledSet& set) const {
    if (!options_.required_policies.empty() || options_.engine == Engine::kUnknown) return true;
    const auto policies = set.all();
    return !policies || std::ranges::any_of(*policies, [&](const Policy& policy) {
      const auto& engines = policy.select.engines;
      return engines.empty() || std::ranges::find(engines, options_.engine) != engines.end();
    });
  }

  // That the start asked for a policy does not make it select the container, and to start without
  // what was asked for is no answer either.
  Status check_required(const policy::CompiledSet& set, const std::vector<Rule>& selected_by) {
    for (const auto& name : options_.required_policies) {
      if (std::ranges::find(selected_by, name, &Rule::policy) != selected_by.end()) continue;
      PINSCOPE_TRY(const auto policies, set.all());
      return std::unexpected(policy::not_selected(name, policies, container_, host_view()));
    }
    return {};
  }

  Status give_view(Decision decision) {
    PINSCOPE_TRY(const kernel::ContainerProcess* process, container_process());
    if (process->shares_our_mount_namespace())
      return std::unexpected(
          Error(ErrorCode::kHostNamespace, "give a view to this container")
              .reason("it shares the host's mount namespace")
              .hint("a view there would be everybody's; let no policy select this container"));
    PINSCOPE_CHECK(refuse_unsupported(*process));
    if (decision.delegation && process->shares_our_user_namespace())
      return std::unexpected(Error(ErrorCode::kDelegation, "delegate BPF")
                                 .reason("its process is in the host's user namespace")
                                 .rule(to_string(decision.delegation->rules.front())));
    PINSCOPE_TRY(container_.uid_map, process->uid_map());
    PINSCOPE_TRY(container_.gid_map, process->gid_map());

    PINSCOPE_TRY(const Fd descriptors, kernel::open_descriptor_directory());
    kernel::SourceOpener sources(descriptors.get());
    const auto skipped = take_skipped(decision, sources);
    event_.notes = decision.notes;
    features_ = kernel::quick_features();
    PINSCOPE_TRY(auto plan, plan::build(decision, container_, features_));
    if (plan.steps.empty() && skipped.empty() && decision.refusals.empty()) return {};

    // Both are opened while paths still are the host's.
    log_.open();
    PINSCOPE_TRY(const auto records, record::Store::open(options_.state_directory, true));
    Record record = intent(decision, *process);
    PINSCOPE_TRY(auto held, begin_record(records, record));
    if (!held) return {};
    begun_ = true;
    forget_some_ended(options_, records, log_.event().stage);

    auto finished = carry_out(decision, skipped, plan, *process, descriptors.get(), sources,
                              records, record, *held);
    if (finished) return {};
    (void)records.remove(*held);
    // What a child of ours wrote before it was killed.
    forget_start(records, record.given.id, *process);
    return finished;
  }

  Status carry_out(const Decision& decision, const std::vector<GrantedPin>& skipped, Plan& plan,
                   const kernel::ContainerProcess& process, int descriptors,
                   kernel::SourceOpener& sources, const record::Store& records, Record& record,
                   record::Store::Held& held) {
    const auto shared = policy::shared_namespaces(container_, host_view());
    const auto check_reach = [&](const std::vector<model::ObjectInfo>& objects,
                                 std::vector<WayOut> ways) {
      ways.insert(ways.end(), shared.begin(), shared.end());
      return policy::check_reach(decision, known(objects), ways, container_);
    };
    const apply::Target target{&process,    container_.rootfs, is_session_,
                               descriptors, &sources,          check_reach};
    auto applied = apply::apply(plan, target, features_);
    if (!applied && applied.error().code() == ErrorCode::kKernelUnsupported &&
        features_.detached_trees) {
      features_.detached_trees = false;
      PINSCOPE_TRY(plan, plan::build(decision, container_, features_));
      applied = apply::apply(plan, target, features_);
    }
    if (!applied) return std::unexpected(std::move(applied).error());
    PINSCOPE_CHECK(kernel::restrict_to_undo());

    for (size_t i = 0; i < plan.grants.size(); ++i)
      record.given.pins.push_back({plan.grants[i], applied->objects()[i], false});
    for (const auto& grant : skipped) record.given.pins.push_back({grant, {}, true});
    record.state = Record::State::kApplied;
    PINSCOPE_CHECK(records.update(record, held));
    event_.given = record.given;
    PINSCOPE_CHECK(log_.write(AuditEvent::Outcome::kGranted));
    applied->keep();
    return {};
  }

  Record intent(const Decision& decision, const kernel::ContainerProcess& process) const {
    Record record;
    record.given = event_.given;
    record.given.delegation = decision.delegation;
    record.rootfs = container_.rootfs;
    record.process_start = process.start_time();
    record.mount_namespace = process.mount_namespace();
    record.created_ns = wall_clock_ns();
    record.version = PINSCOPE_VERSION;
    record.at = decision.at;
    record.layout = decision.layout;
    record.host_bpffs = decision.host_bpffs;
    return record;
  }

  // Opened at the first need: most containers are decided without looking at their process.
  Result<const kernel::ContainerProcess*> container_process() {
    if (!process_) {
      if (container_.pid <= 0)
        return std::unexpected(Error(ErrorCode::kStateInvalid, "find the container's process")
                                   .reason("the state has pid " + std::to_string(container_.pid))
                                   .hint("is this a createRuntime or prestart hook?"));
      PINSCOPE_TRY(auto process, kernel::ContainerProcess::open(container_.pid));
      process_ = std::move(process);
    }
    return &*process_;
  }

  HostView host_view() {
    return {[this](const Container&, NamespaceKind kind, const std::string& path) {
              const auto process = container_process();
              return process && (*process)->namespace_is(kind, path);
            },
            pins_matching, kernel::compare_objects, kernel::programs_reach_machine};
  }

  const HookOptions& options_;
  RunLog log_;
  AuditEvent& event_ = log_.event();
  Container container_;
  bool is_session_ = false;
  Features features_;
  std::optional<kernel::ContainerProcess> process_;
  bool begun_ = false;  // this run wrote the record, and removes it if it fails
};

}  // namespace

Status create_runtime(const HookOptions& options, std::string state_json) {
  return HookRun(options, "createRuntime").create_runtime(std::move(state_json));
}

void report_refused_start(const HookOptions& options, const Start& start, const Error& error) {
  RunLog log(options, start.stage);
  log.event().given.id = start.container_id;
  log.event().given.bundle = start.bundle;
  log.refuse(error);
}

Result<bool> open_session(const HookOptions& options, const Session& session) {
  return HookRun(options, "run").open_session(session);
}

Status poststop(const HookOptions& options, std::string state_json) {
  return HookRun(options, "poststop").poststop(std::move(state_json));
}

}  // namespace pinscope
