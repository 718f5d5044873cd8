// The NRI plugin: has a container's view made by the hook, which is put into the container's
// configuration (NriMode::kHooks) or run when the container is started (NriMode::kStart). Decides
// only whether a policy may select the container; the hook decides the rest from config.json.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/daemon/already_there.h"
#include "plugin/daemon/log.h"
#include "plugin/daemon/options.h"
#include "plugin/daemon/seccomp.h"
#include "plugin/host/status_file.h"
#include "plugin/model/hook_entry.h"
#include "plugin/model/policy.h"
#include "plugin/nri/plugin.h"
#include "plugin/pipeline/run_log.h"

namespace pinscope::daemon {

class ViewPlugin : public nri::Plugin {
 public:
  // `log` must outlive the plugin. What a probe is told goes to `status`.
  ViewPlugin(Options options, const Log& log, StatusFile status = {})
      : given_(std::move(options)), log_(log), status_(std::move(status)) {}

  Result<nri::EventMask> configure(const nri::RuntimeInfo& runtime) override;
  // Containers that are there already are left as they are; those that a policy selects and that
  // came without us are told to the log.
  Status synchronize(const nri::SynchronizeRequest& part) override;
  Result<nri::ContainerAdjustment> create_container(const nri::PodSandbox& pod,
                                                    const nri::Container& container,
                                                    nri::Time deadline) override;
  Status state_change(nri::Event event, const nri::PodSandbox& pod, const nri::Container& container,
                      nri::Time deadline) override;
  void disconnected(const std::string& why) override;

 private:
  // What a container may get: the policies of the set in force that may select it and, if there
  // are any, the hooks that know for certain.
  struct Candidate {
    std::vector<model::Policy> policies;
    model::HookEntry at_create_runtime;
    model::HookEntry at_poststop;
  };
  // The set in force, brought up to date if there is time for it.
  Result<std::vector<model::Policy>> policies_in_force(RunLog& log, nri::Time deadline) const;
  void set_status(const std::string& line) const;
  void tell_of(const AlreadyThere& there) const;
  // Sets options_.
  Status take_options(const nri::RuntimeInfo& runtime);
  // Sets what says how seccomp policies are changed, and logs where they are not.
  void prepare_seccomp(const nri::RuntimeInfo& runtime, nri::Version version);
  // An error must stop the container.
  Result<Candidate> candidate(const nri::PodSandbox& pod, const nri::Container& container,
                              RunLog& log, nri::Time deadline) const;
  bool adjust_seccomp(const std::vector<model::Policy>& policies, const nri::Container& container,
                      nri::ContainerAdjustment& adjustment) const;
  Status start(const nri::PodSandbox& pod, const nri::Container& container, RunLog& log,
               nri::Time deadline) const;
  Status remove(const nri::Container& container, nri::Time deadline) const;
  [[nodiscard]] Status require_hook() const;
  // Tells everybody who should know that the container must not be created or started.
  Error refuse(const nri::PodSandbox& pod, const nri::Container& container, RunLog& log,
               Error error) const;

  Options given_;    // by the command line
  Options options_;  // with what the runtime's configuration says, and the engine
  // A mistake in what the runtime's configuration says. It refuses the containers, not Configure:
  // containerd 1.7 does not start if a plugin in its directory answers that with an error.
  std::optional<Error> misconfigured_;
  bool changes_seccomp_ = false;
  SeccompTold seccomp_told_ = SeccompTold::kNothing;
  AlreadyThere there_;                        // as far as it was told, while more follows
  std::optional<nri::LinuxSeccomp> seccomp_;  // stands in for a policy that is not told
  const Log& log_;
  StatusFile status_;
};

}  // namespace pinscope::daemon
