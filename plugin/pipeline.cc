#include "plugin/pipeline.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <memory>

#include "plugin/apply/apply.h"
#include "plugin/base/file.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/kernel/privileges.h"
#include "plugin/kernel/probe.h"
#include "plugin/kernel/process.h"
#include "plugin/kernel/source.h"
#include "plugin/kernel/sys.h"
#include "plugin/oci/config.h"
#include "plugin/oci/state.h"
#include "plugin/plan/build.h"
#include "plugin/policy/compiled.h"
#include "plugin/policy/decide.h"
#include "plugin/policy/glob.h"
#include "plugin/record/store.h"

namespace pinscope {
namespace {

using namespace model;

constexpr size_t kConfigLimit = 16U << 20;  // bytes
// A glob that matches more pins than this is a mistake in the policy.
constexpr size_t kMostPins = 4096;

uint64_t now_ns(clockid_t clock) {
  struct timespec now {};
  ::clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(now.tv_nsec);
}

// crun gives "/" as the bundle when it has changed its directory already (user namespaces); its own
// `root` field then leads to the configuration of a bundle that holds its rootfs. What stands
// beside a rootfs may be another user's file, so it counts only if root alone can have written it.
Result<std::string> read_config(oci::State& state) {
  auto file = open_at(AT_FDCWD, join(state.bundle, "config.json"), O_RDONLY | O_NONBLOCK);
  if (!file && file.error().errnum() == ENOENT && state.bundle == "/" && !state.root.empty()) {
    state.bundle = std::string(parent_of(state.root));
    file = open_trusted_file(join(state.bundle, "config.json"));
    if (!file) return std::unexpected(std::move(file).error().with_code(ErrorCode::kConfigInvalid));
  }
  if (!file)
    return std::unexpected(Error::system("open " + quoted(join(state.bundle, "config.json")),
                                         file.error().errnum(), ErrorCode::kConfigInvalid)
                               .hint("the runtime's state names this bundle"));
  return read_all(file->get(), kConfigLimit, join(state.bundle, "config.json"));
}

Result<std::vector<std::string>> pins_matching(const Pattern& glob) {
  return kernel::list_pins(
      policy::literal_prefix(glob),
      [&](const std::string& path) { return policy::glob_matches(glob, path); }, kMostPins);
}

// Sources that are missing where the policy says skip: they leave the decision before it is
// planned.
std::vector<GrantedPin> take_skipped(Decision& decision, kernel::SourceOpener& sources) {
  std::vector<GrantedPin> skipped;
  std::erase_if(decision.grants, [&](const GrantedPin& grant) {
    if (grant.missing != Missing::kSkip) return false;
    const auto pin = sources.find(grant.source);
    if (pin || pin.error().code() != ErrorCode::kSourceMissing) return false;
    skipped.push_back(grant);
    return true;
  });
  return skipped;
}

PinnedObject pinned(const GrantedPin& grant) {
  PinnedObject pin;
  pin.name = grant.name;
  pin.source = grant.source;
  pin.access = grant.access;
  pin.uid = grant.uid;
  pin.gid = grant.gid;
  pin.mode = grant.mode;
  pin.rule = grant.rule;
  return pin;
}

PinnedObject pinned(const GrantedPin& grant, const kernel::ObjectInfo& info) {
  PinnedObject pin = pinned(grant);
  pin.kind = info.kind;
  pin.type = info.type;
  pin.object_id = info.id;
  return pin;
}

PinnedObject skipped_pin(const GrantedPin& grant) {
  PinnedObject pin = pinned(grant);
  pin.skipped = true;
  return pin;
}

// Processes of runtimes whose containers do not run on this kernel: a view would show them nothing.
Status refuse_foreign_kernel(const kernel::ContainerProcess& process) {
  const std::string program = process.program_name();
  const auto is = [&](std::string_view prefix) { return program.starts_with(prefix); };
  if (!is("runsc") && !is("qemu-system") && !is("cloud-hypervisor") && !is("firecracker"))
    return {};
  return std::unexpected(
      Error(ErrorCode::kRuntimeUnsupported, "give a view to a container of " + quoted(program))
          .reason("it does not run on this kernel")
          .hint("let no policy select containers of gVisor or Kata"));
}

// Ids are unique for one runtime only. A container that was refused because of another one's record
// gets its poststop all the same, and that record must stay.
bool is_of_another(const Record& record, const oci::State& stopped) {
  return record.bundle != stopped.bundle && record.process_start != 0 &&
         kernel::process_start_time(record.pid) == record.process_start;
}

bool belongs_to(const Record& record, const kernel::ContainerProcess& process) {
  return record.pid == process.pid() && record.process_start == process.start_time() &&
         record.mount_namespace == process.mount_namespace();
}

// Two hooks of one start may know different things of the container. The first one makes the view:
// what it left out, nobody adds.
Status check_covered(const std::vector<Rule>& wanted, const std::vector<Rule>& present) {
  for (const auto& rule : wanted)
    if (std::ranges::find(present, rule.policy, &Rule::policy) == present.end())
      return std::unexpected(
          Error(ErrorCode::kPolicyConflict, "add " + to_string(rule) + " to this view")
              .reason("an earlier hook of this start made the view without it")
              .hint("give all hooks of a container the same options, --engine above all"));
  return {};
}

// One run of a hook: what the stages hand to each other, and the audit line that grows on the way.
class HookRun {
 public:
  HookRun(const HookOptions& options, const char* stage) : options_(options) {
    event_.stage = stage;
    event_.engine = options.engine;
  }

  Status create_runtime(std::string state_json) {
    auto store = policy::PolicyStore::open(options_.policy);
    if (store) {
      report(store->refresh(), store->rejected());
      if (store->empty() && options_.required_policies.empty()) return {};
    }
    auto done = store ? create(*store, std::move(state_json))
                      : Status(std::unexpected(std::move(store).error()));
    if (!done) refuse(done.error());
    return done;
  }

  // The refusal stands on stderr as well; a trail that cannot be written does not change it.
  void refuse(const Error& error) {
    event_.error_code = std::string(code_name(error.code()));
    event_.error = error.sentence();
    (void)audit(AuditEvent::Outcome::kRefused);
  }

  Status poststop(std::string state_json) {
    PINSCOPE_TRY(const auto state, oci::parse_state(std::move(state_json)));
    PINSCOPE_TRY(const auto records, record::Store::open(options_.state_directory, false));
    auto found = records.find(state.id);
    if (found && (!*found || is_of_another(**found, state))) return {};
    PINSCOPE_CHECK(records.remove(state.id));
    if (!found) return std::unexpected(std::move(found).error());
    record::describe(found->value(), event_);
    return audit(AuditEvent::Outcome::kRemoved);
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
    const auto found = records->find(container_.id);
    if (found && *found && belongs_to(**found, **process)) (void)records->remove(container_.id);
  }

  Status decide_and_give(policy::PolicyStore& store, std::string state_json) {
    PINSCOPE_TRY(auto state, oci::parse_state(std::move(state_json)));
    event_.container_id = state.id;
    event_.bundle = state.bundle;
    event_.pid = state.pid;
    PINSCOPE_TRY(auto config, read_config(state));
    PINSCOPE_TRY(container_, oci::read_container(state, std::move(config), options_.engine));
    container_.identity.kubernetes_labels = oci::facts_of(options_.pod_labels);
    event_.bundle = container_.bundle;
    event_.identity = container_.identity;
    const bool is_asked_for_more = !options_.required_policies.empty();
    if (container_.identity.is_sandbox && !is_asked_for_more) return {};

    PINSCOPE_TRY(const auto candidates, store.set().candidates(container_));
    if (candidates.empty() && !is_asked_for_more) return {};
    PINSCOPE_TRY(auto decision, policy::decide(candidates, container_, host_view()));
    PINSCOPE_CHECK(in_context(check_required(store.set(), decision.selected_by),
                              "container " + quoted(container_.id)));
    if (!decision.selected()) return {};
    event_.selected_by = decision.selected_by;
    event_.refusals = decision.refusals;
    return in_context(give_view(std::move(decision)), "container " + quoted(container_.id));
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
    PINSCOPE_CHECK(refuse_foreign_kernel(*process));
    PINSCOPE_TRY(container_.uid_map, process->uid_map());
    PINSCOPE_TRY(container_.gid_map, process->gid_map());

    PINSCOPE_TRY(const Fd descriptors, kernel::open_descriptor_directory());
    kernel::SourceOpener sources(descriptors.get());
    const auto skipped = take_skipped(decision, sources);
    features_ = kernel::quick_features();
    PINSCOPE_TRY(auto plan, plan::build(decision, container_, features_));
    if (plan.steps.empty() && skipped.empty() && decision.refusals.empty()) return {};

    // Both are opened while paths still are the host's.
    trail();
    PINSCOPE_TRY(const auto records, record::Store::open(options_.state_directory, true));
    Record record = intent(decision, *process);
    PINSCOPE_TRY(const bool is_new, begin(records, record));
    if (!is_new) return {};
    begun_ = true;

    auto finished =
        carry_out(decision, skipped, plan, *process, descriptors.get(), records, record);
    if (!finished) (void)records.remove(record.id);
    return finished;
  }

  Status carry_out(const Decision& decision, const std::vector<GrantedPin>& skipped, Plan& plan,
                   const kernel::ContainerProcess& process, int descriptors,
                   const record::Store& records, Record& record) {
    const apply::Target target{&process, container_.rootfs, descriptors};
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
      record.pins.push_back(pinned(plan.grants[i], applied->objects()[i]));
    for (const auto& grant : skipped) record.pins.push_back(skipped_pin(grant));
    record.state = Record::State::kApplied;
    PINSCOPE_CHECK(records.update(record));
    event_.pins = record.pins;
    PINSCOPE_CHECK(audit(AuditEvent::Outcome::kGranted));
    applied->keep();
    return {};
  }

  // Writes the intent. False if this very process has its view already: some runtimes run a hook
  // twice, and the second time there is nothing to do.
  Result<bool> begin(const record::Store& records, const Record& record) {
    auto begun = records.begin(record);
    if (begun) return true;
    if (begun.error().code() != ErrorCode::kRecordConflict)
      return std::unexpected(std::move(begun).error());
    PINSCOPE_TRY(const auto existing, records.find(record.id));
    if (existing) {
      if (belongs_to(*existing, *process_) && existing->state == Record::State::kApplied) {
        PINSCOPE_CHECK(check_covered(record.selected_by, existing->selected_by));
        return false;
      }
      const uint64_t start = kernel::process_start_time(existing->pid);
      if (start != 0 && start == existing->process_start)
        return std::unexpected(
            std::move(begun).error().hint("its process " + std::to_string(existing->pid) +
                                          " is still there; see pinscope inspect and pinscope gc"));
    }
    PINSCOPE_CHECK(records.remove(record.id));
    PINSCOPE_CHECK(records.begin(record));
    return true;
  }

  Record intent(const Decision& decision, const kernel::ContainerProcess& process) const {
    Record record;
    record.id = container_.id;
    record.bundle = container_.bundle;
    record.rootfs = container_.rootfs;
    record.pid = process.pid();
    record.process_start = process.start_time();
    record.mount_namespace = process.mount_namespace();
    record.engine = container_.engine;
    record.identity = container_.identity;
    record.created_ns = now_ns(CLOCK_REALTIME);
    record.version = PINSCOPE_VERSION;
    record.at = decision.at;
    record.layout = decision.layout;
    record.host_bpffs = decision.host_bpffs;
    record.selected_by = decision.selected_by;
    record.refusals = decision.refusals;
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
            pins_matching};
  }

  const record::AuditTrail& trail() {
    if (!trail_) trail_ = record::AuditTrail::open(options_.audit);
    return *trail_;
  }

  Status audit(AuditEvent::Outcome outcome) {
    event_.outcome = outcome;
    event_.time_ns = now_ns(CLOCK_REALTIME);
    event_.duration_ns = now_ns(CLOCK_MONOTONIC) - started_ns_;
    return trail().write(event_);
  }

  // A new or refused edit of the policies is an event of its own, whatever becomes of the
  // container.
  void report(policy::PolicyStore::Refresh refresh, const std::optional<std::string>& rejected) {
    using Refresh = policy::PolicyStore::Refresh;
    if (refresh == Refresh::kNone) return;
    if (rejected) {
      event_.error_code = std::string(code_name(ErrorCode::kPolicyInvalid));
      event_.error = *rejected;
    }
    (void)audit(refresh == Refresh::kAccepted ? AuditEvent::Outcome::kPolicyAccepted
                                              : AuditEvent::Outcome::kPolicyRejected);
    event_.error_code.clear();
    event_.error.clear();
  }

  const HookOptions& options_;
  const uint64_t started_ns_ = now_ns(CLOCK_MONOTONIC);
  AuditEvent event_;
  Container container_;
  Features features_;
  std::optional<kernel::ContainerProcess> process_;
  std::optional<record::AuditTrail> trail_;
  bool begun_ = false;  // this run wrote the record, and removes it if it fails
};

}  // namespace

Status create_runtime(const HookOptions& options, std::string state_json) {
  return HookRun(options, "createRuntime").create_runtime(std::move(state_json));
}

void report_refused_start(const HookOptions& options, const Error& error) {
  HookRun(options, "createRuntime").refuse(error);
}

Status poststop(const HookOptions& options, std::string state_json) {
  return HookRun(options, "poststop").poststop(std::move(state_json));
}

Result<Explanation> explain(const std::vector<Policy>& policies, const std::string& bundle,
                            const std::string& id, Engine engine, const oci::PodLabels& pod_labels,
                            const Features& features, HostPins pins) {
  Explanation explanation;
  oci::State state;
  state.id = id;
  state.bundle = bundle;
  PINSCOPE_TRY(auto config, read_config(state));
  PINSCOPE_TRY(explanation.container, oci::read_container(state, std::move(config), engine));
  explanation.container.identity.kubernetes_labels = oci::facts_of(pod_labels);

  const HostView host{[](const Container& container, NamespaceKind kind, const std::string& path) {
                        const auto& configured = namespace_of(container, kind);
                        return configured.mode == Namespace::Mode::kPath &&
                               kernel::same_namespace(configured.path, path);
                      },
                      [pins](const Pattern& glob) -> Result<std::vector<std::string>> {
                        if (pins == HostPins::kIgnore) return std::vector<std::string>{};
                        return pins_matching(glob);
                      }};
  for (const auto& policy : policies) {
    Explanation::Verdict verdict;
    verdict.policy = {policy.name, policy.place};
    verdict.selects = policy::selects(policy.select, explanation.container, host, &verdict.why_not);
    explanation.verdicts.push_back(std::move(verdict));
  }

  auto decision = policy::decide(policies, explanation.container, host);
  if (!decision) {
    explanation.errors.push_back(std::move(decision).error());
    return explanation;
  }
  explanation.decision = *std::move(decision);
  if (!explanation.decision.selected()) return explanation;
  const bool has_mount_namespace =
      namespace_of(explanation.container, NamespaceKind::kMount).mode != Namespace::Mode::kHost;
  if (!has_mount_namespace)
    explanation.errors.push_back(Error(ErrorCode::kHostNamespace, "give a view to this container")
                                     .reason("it shares the host's mount namespace"));

  PINSCOPE_TRY(const Fd descriptors, kernel::open_descriptor_directory());
  kernel::SourceOpener sources(descriptors.get());
  Decision present = explanation.decision;
  present.grants.clear();
  for (const auto& grant : explanation.decision.grants) {
    if (pins == HostPins::kIgnore) {
      present.grants.push_back(grant);
      continue;
    }
    Explanation::Source source;
    auto opened = sources.open(grant);
    if (opened) {
      source.info = std::move(opened->info);
    } else if (opened.error().code() == ErrorCode::kSourceMissing &&
               grant.missing == Missing::kSkip) {
      source.skipped = true;
    } else {
      Error error = std::move(opened).error().rule(to_string(grant.rule));
      explanation.errors.push_back(error);
      source.error = std::move(error);
    }
    if (!source.skipped) present.grants.push_back(grant);
    explanation.sources.push_back(std::move(source));
  }
  auto plan = plan::build(present, explanation.container, features);
  if (plan) {
    explanation.plan = *std::move(plan);
  } else {
    explanation.errors.push_back(std::move(plan).error());
  }
  return explanation;
}

}  // namespace pinscope
