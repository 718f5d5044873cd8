#include "plugin/daemon/view_plugin.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/daemon/bundle.h"
#include "plugin/daemon/delegation.h"
#include "plugin/daemon/run_hook.h"
#include "plugin/daemon/subject.h"
#include "plugin/kernel/process/process.h"
#include "plugin/oci/pod_labels.h"
#include "plugin/pipeline/start/prepare.h"
#include "plugin/policy/decide/may_select.h"
#include "plugin/policy/set/store.h"
#include "plugin/record/store.h"

namespace pinscope::daemon {
namespace {

using std::chrono::milliseconds;

constexpr nri::Version kSeccompSince{0, 10, 0};
// An answer that comes too late makes the engine go on without us, which is worse than an error: so
// much of the time for it is left for the answer itself.
constexpr int kReserve = 4;  // a quarter
constexpr milliseconds kLongestReserve{500};
// What an engine allows a plugin for Synchronize is not told; it is two seconds by default.
constexpr milliseconds kLongestLook{1000};

// When our own work for a call has to be done.
nri::Time work_until(nri::Time deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - nri::Clock::now());
  return deadline - std::clamp(left / kReserve, milliseconds(0), kLongestReserve);
}

std::string to_string(nri::Version version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor);
}

void set(nri::Hook& message, const model::HookEntry& hook) {
  message.set_path(hook.path);
  message.mutable_args()->Assign(hook.args.begin(), hook.args.end());
  message.mutable_env()->Assign(hook.env.begin(), hook.env.end());
  message.mutable_timeout()->set_value(hook.timeout);
}

std::optional<model::Engine> told_by(const nri::RuntimeInfo& runtime) {
  if (runtime.name == "containerd") return model::Engine::kContainerd;
  if (runtime.name == "cri-o") return model::Engine::kCrio;
  return std::nullopt;
}

Result<model::Engine> engine_of(const nri::RuntimeInfo& runtime,
                                std::optional<model::Engine> wanted) {
  const auto told = told_by(runtime);
  const auto refuse = [&](std::string hint) {
    return std::unexpected(
        Error(ErrorCode::kRuntimeUnsupported, "serve the engine " + quoted(runtime.name))
            .reason("this plugin is for containerd and CRI-O")
            .hint(std::move(hint)));
  };
  if (!told && runtime.name == "docker")
    return refuse("Docker lets no plugin add hooks; use pinscope-runtime");
  if (!told && !wanted) return refuse("--engine says what another one is to be taken for");
  if (told && wanted && told != wanted)
    return refuse(std::string("--engine says ") + model::engine_name(*wanted));
  return wanted.value_or(told.value_or(model::Engine::kUnknown));
}

}  // namespace

Status ViewPlugin::take_options(const nri::RuntimeInfo& runtime) {
  options_ = given_;
  PINSCOPE_CHECK(apply_configuration(runtime.config, options_));
  PINSCOPE_TRY(options_.hook.engine, engine_of(runtime, options_.engine));
  return {};
}

Result<nri::EventMask> ViewPlugin::configure(const nri::RuntimeInfo& runtime) {
  using nri::Event;
  misconfigured_.reset();
  if (auto taken = take_options(runtime); !taken) {
    const auto engine = told_by(runtime);
    if (runtime.config.empty() || !engine) return std::unexpected(std::move(taken).error());
    options_.hook.engine = *engine;  // and what stood before the mistake, the audit trail's place
    log_.write(Severity::kError, "refusing every container: " + taken.error().sentence());
    misconfigured_ = std::move(taken).error();
    return nri::mask_of(Event::kCreateContainer);
  }
  const nri::Version version = nri::nri_version_of(runtime);
  log_.write(Severity::kInfo, "serving " + runtime.name + " " + runtime.version + " (NRI " +
                                  to_string(version) + "), nri-mode " +
                                  (options_.nri_mode == NriMode::kHooks ? "hooks" : "start"));
  if (auto there = require_hook(); !there) log_.write(Severity::kError, there.error().sentence());

  prepare_seccomp(runtime, version);
  nri::EventMask events = nri::mask_of(Event::kCreateContainer, Event::kRemoveContainer);
  if (options_.nri_mode == NriMode::kStart) events |= nri::mask_of(Event::kStartContainer);
  return events;
}

void ViewPlugin::prepare_seccomp(const nri::RuntimeInfo& runtime, nri::Version version) {
  seccomp_.reset();
  seccomp_told_ = seccomp_told_by(runtime);
  changes_seccomp_ = version >= kSeccompSince && options_.nri_seccomp != "none";
  const auto warn = [&](const char* why) {
    log_.write(Severity::kWarning, std::string(why) +
                                       ": bpf(2) has to be let through by pinscope-runtime or by a "
                                       "profile");
  };
  if (version < kSeccompSince) warn("this engine's NRI cannot change seccomp policies (0.10 can)");
  if (!changes_seccomp_) return;
  if (seccomp_told_ == SeccompTold::kNothing)
    warn("this engine tells plugins no seccomp profile, so none is changed");
  if (seccomp_told_ == SeccompTold::kPolicy) return;
  if (auto profile = read_seccomp_profile(options_.nri_seccomp))
    seccomp_ = *std::move(profile);
  else
    log_.write(Severity::kWarning,
               "seccomp policies stay as they are: " + profile.error().sentence());
}

Status ViewPlugin::synchronize(const nri::SynchronizeRequest& part) {
  for (const nri::PodSandbox& pod : part.pods()) there_.pods[pod.id()] = pod;
  there_.containers.insert(there_.containers.end(), part.containers().begin(),
                           part.containers().end());
  if (part.more()) return {};
  tell_of(std::exchange(there_, {}));
  set_status("ready");
  return {};
}

void ViewPlugin::set_status(const std::string& line) const {
  if (const auto written = status_.write(line); !written)
    log_.write(Severity::kError, written.error().sentence());
}

void ViewPlugin::tell_of(const AlreadyThere& there) const {
  if (there.containers.empty() || misconfigured_) return;
  log_.write(Severity::kInfo, "containers that are there already stay as they are: " +
                                  std::to_string(there.containers.size()));
  RunLog log(options_.hook, "Synchronize");
  const auto policies = policies_in_force(log, nri::Clock::now() + kLongestLook);
  if (!policies) {
    log_.write(Severity::kWarning, policies.error().sentence());
    return;
  }
  const Evidence evidence{
      .hook_path = options_.hook_path,
      .hooks_are_expected = options_.nri_mode == NriMode::kHooks,
      .recorded = recorded_ids(options_.hook.state_directory, options_.hook.engine)};
  for (const auto& line : without_view(there, options_.hook.engine, *policies, evidence))
    log_.write(Severity::kWarning, line);
}

Result<nri::ContainerAdjustment> ViewPlugin::create_container(const nri::PodSandbox& pod,
                                                              const nri::Container& container,
                                                              nri::Time deadline) {
  RunLog log(options_.hook, "CreateContainer");
  nri::ContainerAdjustment adjustment;
  if (misconfigured_) return std::unexpected(refuse(pod, container, log, *misconfigured_));
  auto found = candidate(pod, container, log, work_until(deadline));
  if (!found) return std::unexpected(refuse(pod, container, log, std::move(found).error()));
  if (found->policies.empty()) return adjustment;

  std::string added;
  if (options_.nri_mode == NriMode::kHooks) {
    set(*adjustment.mutable_hooks()->add_create_runtime(), found->at_create_runtime);
    set(*adjustment.mutable_hooks()->add_poststop(), found->at_poststop);
    added = "hooks";
  }
  if (auto path = token_path(found->policies, container)) {
    nri::KeyValue& variable = *adjustment.add_env();
    variable.set_key(kTokenVariable);
    variable.set_value(*std::move(path));
  }
  if (adjust_seccomp(found->policies, container, adjustment))
    added += added.empty() ? "a seccomp policy" : " and a seccomp policy";
  if (!added.empty()) log_.write(Severity::kInfo, name_of(pod, container) + ": added " + added);
  return adjustment;
}

Status ViewPlugin::state_change(nri::Event event, const nri::PodSandbox& pod,
                                const nri::Container& container, nri::Time deadline) {
  if (event == nri::Event::kRemoveContainer) return remove(container, work_until(deadline));
  if (event != nri::Event::kStartContainer || options_.nri_mode != NriMode::kStart) return {};
  RunLog log(options_.hook, "StartContainer");
  auto started = start(pod, container, log, work_until(deadline));
  if (!started) return std::unexpected(refuse(pod, container, log, std::move(started).error()));
  return {};
}

void ViewPlugin::disconnected(const std::string& why) {
  there_ = {};
  set_status("not ready: " + why);
  log_.write(Severity::kWarning, why);
}

Result<std::vector<model::Policy>> ViewPlugin::policies_in_force(RunLog& log,
                                                                 nri::Time deadline) const {
  policy::StoreOptions options = options_.hook.policy;
  options.longest_refresh = std::max(
      milliseconds(1), std::chrono::duration_cast<milliseconds>(deadline - nri::Clock::now()));
  PINSCOPE_TRY(const auto store, open_policies(options, log));
  if (store.refresh() == policy::PolicyStore::Refresh::kAccepted)
    log_.write(Severity::kInfo, "new policies are in force");
  if (store.refresh() == policy::PolicyStore::Refresh::kRejected)
    log_.write(Severity::kError,
               "the policies were refused: " + store.rejected().value_or("nobody knows why"));
  // Not the set's own candidates(): its index takes what is not known yet for what is not there.
  return store.set().all();
}

Result<ViewPlugin::Candidate> ViewPlugin::candidate(const nri::PodSandbox& pod,
                                                    const nri::Container& container, RunLog& log,
                                                    nri::Time deadline) const {
  Candidate found;
  PINSCOPE_TRY(found.policies, policies_in_force(log, deadline));
  const auto label_keys = policy::label_keys(found.policies);
  const auto subject = subject_of(pod, container, options_.hook.engine, label_keys);
  std::erase_if(found.policies, [&](const model::Policy& policy) {
    return !policy::may_select(policy, subject, {});
  });
  if (found.policies.empty()) return found;

  PINSCOPE_CHECK(require_hook());
  HookOptions hook = options_.hook;
  for (const auto& [key, label] : subject.identity.kubernetes_labels)
    PINSCOPE_CHECK(oci::add_pod_label(hook.pod_labels, key + "=" + label.value));
  for (model::HookEntry& one : hooks_for(hook, options_.hook_path))
    (one.stage == "poststop" ? found.at_poststop : found.at_create_runtime) = std::move(one);
  return found;
}

bool ViewPlugin::adjust_seccomp(const std::vector<model::Policy>& policies,
                                const nri::Container& container,
                                nri::ContainerAdjustment& adjustment) const {
  if (!changes_seccomp_) return false;
  auto policy = policy_to_change(container, seccomp_told_, seccomp_);
  if (!policy) return false;
  const oci::SeccompChange change = open_bpf(*policy, commands_for(policies, container));
  if (!change.still_refused.empty())
    log_.write(Severity::kWarning, "container " + quoted(container.name()) +
                                       ": its seccomp policy is of a kind that stays as it is, and "
                                       "refuses commands of bpf(2) that its grants need: " +
                                       to_string(change.still_refused));
  // Another pinscoped, during a rollout, may have done it: NRI lets only one plugin set a policy.
  if (change.empty()) return false;
  *adjustment.mutable_linux()->mutable_seccomp_policy() = *std::move(policy);
  return true;
}

Status ViewPlugin::start(const nri::PodSandbox& pod, const nri::Container& container, RunLog& log,
                         nri::Time deadline) const {
  const pid_t pid = static_cast<pid_t>(container.pid());
  log.event().given.pid = pid;
  PINSCOPE_TRY(const auto found, candidate(pod, container, log, deadline));
  if (found.policies.empty()) return {};
  PINSCOPE_TRY(const std::string bundle, find_bundle(pid, container.id()));
  log.event().given.bundle = bundle;
  PINSCOPE_CHECK(run_hook(options_.hook_path, found.at_create_runtime.args,
                          state_json(container.id(), "created", pid, bundle), deadline));
  log_.write(Severity::kInfo, name_of(pod, container) + ": ran the hook");
  return {};
}

// The hook at poststop has done it, unless the runtime did not run it (nri-mode start, or a
// creation that failed). An error here would hold up nothing, and `pinscope gc` finds what stays.
Status ViewPlugin::remove(const nri::Container& container, nri::Time deadline) const {
  if (!model::is_container_id(container.id())) return {};
  // A pod mounts the records for reading: its PID namespace is not that of the processes in them.
  if (::access(options_.hook.state_directory.c_str(), W_OK) != 0) return {};
  const auto forget = [&]() -> Status {
    PINSCOPE_TRY(const auto records, record::Store::open(options_.hook.state_directory, false));
    PINSCOPE_TRY(const auto of_id, records.find(container.id()));
    for (const auto& found : of_id.found) {
      const model::Record& record = found.record;
      // Ids are one engine's own, in one of its namespaces.
      if (record.given.engine != options_.hook.engine) continue;
      if (!kernel::has_ended(record.given.pid, record.process_start)) continue;
      for (const model::HookEntry& hook : hooks_for(options_.hook, options_.hook_path))
        if (hook.stage == "poststop")
          PINSCOPE_CHECK(run_hook(hook.path, hook.args,
                                  state_json(record.given.id, "stopped", 0, record.given.bundle),
                                  deadline));
    }
    return {};
  };
  if (auto done = forget(); !done) log_.write(Severity::kWarning, done.error().sentence());
  return {};
}

Status ViewPlugin::require_hook() const {
  if (::access(options_.hook_path.c_str(), X_OK) == 0) return {};
  return std::unexpected(Error::system("run " + quoted(options_.hook_path), errno)
                             .hint("--hook says where the hook is"));
}

Error ViewPlugin::refuse(const nri::PodSandbox& pod, const nri::Container& container, RunLog& log,
                         Error error) const {
  log_.write(Severity::kError, name_of(pod, container) + " is refused: " + error.sentence());
  log.event().given.id = container.id();
  log.event().given.identity = subject_of(pod, container, options_.hook.engine, {}).identity;
  log.refuse(error);
  return std::move(error).in("pinscope");
}

}  // namespace pinscope::daemon
