// What happens before a container is created, for whatever may change its configuration: the shim,
// Podman's precreate stage, NRI. Says what to add; the hook that is added does the work and is the
// judge of everything that can go wrong with it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/bpf_commands.h"
#include "plugin/model/decision.h"
#include "plugin/model/hook_entry.h"
#include "plugin/oci/state.h"
#include "plugin/pipeline/options.h"

namespace pinscope {

struct Preparation {
  // False: no policy can select the container, and its configuration stays as it is. True: it gets
  // the hooks, which decide for certain once there is a process to look at.
  bool needs_hooks = false;
  // Whether a policy selects it, as far as its configuration tells. A bundle that is not known
  // counts as one that every policy selects.
  bool selected = false;
  // What its seccomp profile has to let through.
  model::BpfCommands commands;
};

// `state` with the container's id and bundle; an empty bundle is one that is not known yet.
// `config` gives the text of its config.json, and is
// not called if there are no policies. Fails in the cases in which create_runtime() would fail
// before it has decided: then the container must not be created (see report_refused_start, which is
// up to the caller). Policies that disagree, and pins that are missing, are not among these cases.
// `stage` is for the audit trail, which gets a line if the policies have changed.
//
// Changes the working directory (see kernel::SourceOpener).
Result<Preparation> prepare(const HookOptions& options, const std::string& stage,
                            const oci::State& state,
                            const std::function<Result<std::string>()>& config);

// The entries for config.json with which pinscope-hook, at the absolute path `program`, gets these
// options: createRuntime and poststop. Options that are the default ones are left out.
std::vector<model::HookEntry> hooks_for(HookOptions options, const std::string& program);

}  // namespace pinscope
