#include "plugin/daemon/view_plugin.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "plugin/base/text.h"
#include "plugin/daemon/bundle.h"
#include "plugin/daemon/run_hook.h"
#include "plugin/daemon/subject.h"
#include "plugin/kernel/process.h"
#include "plugin/policy/may_select.h"
#include "plugin/policy/store.h"
#include "plugin/record/audit.h"
#include "plugin/record/store.h"

namespace pinscope::daemon {
namespace {

using std::chrono::milliseconds;

constexpr nri::Version kSeccompSince{0, 10, 0};
constexpr int64_t kHookTimeout = 10;  // seconds
// An answer that comes too late makes the engine go on without us, which is worse than an error: so
// much of the time for it is left for the answer itself.
constexpr int kReserve = 5;  // a fifth
constexpr milliseconds kLongestReserve{500};

// When our own work for a call has to be done.
nri::Time work_until(nri::Time deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - nri::Clock::now());
  return deadline - std::clamp(left / kReserve, milliseconds(0), kLongestReserve);
}

uint64_t now_ns() {
  struct timespec now {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(now.tv_nsec);
}

std::string to_string(nri::Version version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor);
}

Result<model::Engine> engine_of(const nri::RuntimeInfo& runtime,
                                std::optional<model::Engine> wanted) {
  std::optional<model::Engine> told;
  if (runtime.name == "containerd") told = model::Engine::kContainerd;
  if (runtime.name == "cri-o") told = model::Engine::kCrio;
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

Result<nri::EventMask> ViewPlugin::configure(const nri::RuntimeInfo& runtime) {
  options_ = given_;
  PINSCOPE_CHECK(apply_configuration(runtime.config, options_));
  PINSCOPE_TRY(engine_, engine_of(runtime, options_.engine));
  const nri::Version version = nri::nri_version_of(runtime);
  log_.write(Severity::kInfo, "serving " + runtime.name + " " + runtime.version + " (NRI " +
                                  to_string(version) + "), nri-mode " +
                                  (options_.nri_mode == NriMode::kHooks ? "hooks" : "start"));
  if (auto there = require_hook(); !there) log_.write(Severity::kError, there.error().sentence());

  seccomp_.reset();
  if (version < kSeccompSince) {
    log_.write(Severity::kWarning,
               "this engine's NRI cannot change seccomp policies (0.10 can): bpf(2) has to be let "
               "through by pinscope-runtime or by a profile");
  } else if (options_.nri_seccomp != "none") {
    auto profile = read_seccomp_profile(options_.nri_seccomp);
    if (profile) {
      seccomp_ = *std::move(profile);
    } else {
      log_.write(Severity::kWarning,
                 "seccomp policies stay as they are: " + profile.error().sentence());
    }
  }
  using nri::Event;
  nri::EventMask events = nri::mask_of(Event::kCreateContainer, Event::kRemoveContainer);
  if (options_.nri_mode == NriMode::kStart) events |= nri::mask_of(Event::kStartContainer);
  return events;
}

Status ViewPlugin::synchronize(const std::vector<nri::Pod>&,
                               const std::vector<nri::Container>& containers, bool) {
  if (!containers.empty())
    log_.write(Severity::kInfo, std::to_string(containers.size()) +
                                    " containers are there already and stay as they are");
  return {};
}

Result<nri::Adjustment> ViewPlugin::create_container(const nri::Pod& pod,
                                                     const nri::Container& container,
                                                     nri::Time deadline) {
  nri::Adjustment adjustment;
  const auto found = candidate(pod, container, work_until(deadline));
  if (!found) return std::unexpected(refuse("CreateContainer", pod, container, found.error()));
  if (found->policies.empty()) return adjustment;
  if (auto there = require_hook(); !there)
    return std::unexpected(refuse("CreateContainer", pod, container, there.error()));

  if (options_.nri_mode == NriMode::kHooks) {
    const auto hook = [&](const char* stage) {
      return nri::Hook{options_.hook_path,
                       hook_arguments(options_, found->subject, stage),
                       // Without any, some runtimes hand over the image's.
                       {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
                       kHookTimeout};
    };
    adjustment.hooks.create_runtime.push_back(hook("createRuntime"));
    adjustment.hooks.poststop.push_back(hook("poststop"));
  }
  std::string what = options_.nri_mode == NriMode::kHooks ? "hooks" : "";
  if (adjust_seccomp(found->policies, container, adjustment))
    what += what.empty() ? "seccomp" : ", seccomp";
  if (!what.empty()) log_.write(Severity::kInfo, name_of(pod, container) + ": added " + what);
  return adjustment;
}

Status ViewPlugin::state_change(nri::Event event, const nri::Pod& pod,
                                const nri::Container& container, nri::Time deadline) {
  if (event == nri::Event::kRemoveContainer) return remove(container, work_until(deadline));
  if (event != nri::Event::kStartContainer || options_.nri_mode != NriMode::kStart) return {};
  auto started = start(pod, container, work_until(deadline));
  if (!started) return std::unexpected(refuse("StartContainer", pod, container, started.error()));
  return {};
}

void ViewPlugin::disconnected(const std::string& why) {
  log_.write(Severity::kWarning, why);
}

Result<ViewPlugin::Candidate> ViewPlugin::candidate(const nri::Pod& pod,
                                                    const nri::Container& container,
                                                    nri::Time deadline) const {
  policy::StoreOptions options = options_.hook.policy;
  options.longest_refresh = std::max(
      milliseconds(1), std::chrono::duration_cast<milliseconds>(deadline - nri::Clock::now()));
  PINSCOPE_TRY(const auto store, policy::PolicyStore::open(options));
  report(store);
  Candidate found;
  // Not the set's own candidates(): its index takes what is not known yet for what is not there.
  PINSCOPE_TRY(found.policies, store.set().all());
  found.subject = subject_of(pod, container, engine_, policy::label_keys(found.policies));
  std::erase_if(found.policies, [&](const model::Policy& policy) {
    return !policy::may_select(policy.select, found.subject, {});
  });
  return found;
}

// A new or refused edit of the policies is worth telling, whatever becomes of the container.
void ViewPlugin::report(const policy::PolicyStore& store) const {
  using Refresh = policy::PolicyStore::Refresh;
  if (store.refresh() == Refresh::kNone) return;
  model::AuditEvent event;
  event.outcome = store.refresh() == Refresh::kAccepted
                      ? model::AuditEvent::Outcome::kPolicyAccepted
                      : model::AuditEvent::Outcome::kPolicyRejected;
  event.stage = "CreateContainer";
  if (store.rejected()) {
    event.error_code = std::string(code_name(ErrorCode::kPolicyInvalid));
    event.error = *store.rejected();
    log_.write(Severity::kError, "the policies were refused: " + event.error);
  } else {
    log_.write(Severity::kInfo, "new policies are in force");
  }
  audit(std::move(event));
}

bool ViewPlugin::adjust_seccomp(const std::vector<model::Policy>& policies,
                                const nri::Container& container,
                                nri::Adjustment& adjustment) const {
  if (!seccomp_ || !has_default_profile(container)) return false;
  const auto commands = bpf_commands(policies);
  if (commands.empty()) return false;
  adjustment.seccomp_policy = container.seccomp_policy.value_or(*seccomp_);
  allow_bpf(*adjustment.seccomp_policy, commands);
  return true;
}

Status ViewPlugin::start(const nri::Pod& pod, const nri::Container& container,
                         nri::Time deadline) const {
  PINSCOPE_TRY(const auto found, candidate(pod, container, deadline));
  if (found.policies.empty()) return {};
  const pid_t pid = static_cast<pid_t>(container.pid);
  PINSCOPE_TRY(const std::string bundle, find_bundle(pid, container.id));
  PINSCOPE_CHECK(run_hook(options_.hook_path,
                          hook_arguments(options_, found.subject, "createRuntime"),
                          state_json(container.id, "created", pid, bundle), deadline));
  log_.write(Severity::kInfo, name_of(pod, container) + ": hook run");
  return {};
}

// The hook at poststop has done it, unless the runtime did not run it (nri-mode start, or a
// creation that failed). An error here would hold up nothing, and `pinscope gc` finds what stays.
Status ViewPlugin::remove(const nri::Container& container, nri::Time deadline) const {
  if (!model::is_container_id(container.id)) return {};
  const auto forget = [&]() -> Status {
    PINSCOPE_TRY(const auto records, record::Store::open(options_.hook.state_directory, false));
    PINSCOPE_TRY(const auto record, records.find(container.id));
    // Ids are one engine's own.
    if (!record || record->engine != engine_) return {};
    if (kernel::process_start_time(record->pid) == record->process_start) return {};
    model::Container subject;
    subject.engine = engine_;
    return run_hook(options_.hook_path, hook_arguments(options_, subject, "poststop"),
                    state_json(container.id, "stopped", 0, record->bundle), deadline);
  };
  if (auto done = forget(); !done) log_.write(Severity::kWarning, done.error().sentence());
  return {};
}

Status ViewPlugin::require_hook() const {
  if (::access(options_.hook_path.c_str(), X_OK) == 0) return {};
  return std::unexpected(Error::system("run " + quoted(options_.hook_path), errno)
                             .hint("--hook says where the hook is"));
}

Error ViewPlugin::refuse(const char* stage, const nri::Pod& pod, const nri::Container& container,
                         Error error) const {
  const model::Container subject = subject_of(pod, container, engine_, {});
  log_.write(Severity::kError, name_of(pod, container) + " is refused: " + error.sentence());
  model::AuditEvent event;
  event.outcome = model::AuditEvent::Outcome::kRefused;
  event.stage = stage;
  event.container_id = container.id;
  event.pid = static_cast<pid_t>(container.pid);
  event.identity = subject.identity;
  event.error_code = std::string(code_name(error.code()));
  event.error = error.sentence();
  audit(std::move(event));
  return std::move(error).in("pinscope");
}

void ViewPlugin::audit(model::AuditEvent event) const {
  event.engine = engine_;
  event.time_ns = now_ns();
  const auto written = record::AuditTrail::open(options_.hook.audit).write(event);
  if (!written) log_.write(Severity::kWarning, written.error().sentence());
}

}  // namespace pinscope::daemon
