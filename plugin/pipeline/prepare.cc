#include "plugin/pipeline/prepare.h"

#include <utility>

#include "plugin/base/path.h"
#include "plugin/kernel/bpf/source.h"
#include "plugin/kernel/sys.h"
#include "plugin/model/hook_entry.h"
#include "plugin/oci/config.h"
#include "plugin/pipeline/host.h"
#include "plugin/pipeline/run_log.h"
#include "plugin/policy/decide/decide.h"
#include "plugin/policy/set/store.h"

namespace pinscope {

Result<Preparation> prepare(const HookOptions& options, const std::string& stage,
                            const oci::State& state,
                            const std::function<Result<std::string>()>& config) {
  PINSCOPE_TRY(const auto store, policy::PolicyStore::open(options.policy));
  RunLog log(options, stage);
  log.report_refresh(store);
  Preparation preparation;
  if (store.empty()) return preparation;

  PINSCOPE_TRY(auto text, config());
  PINSCOPE_TRY(auto container, oci::read_container(state, std::move(text), options.engine));
  container.identity.kubernetes_labels = oci::facts_of(options.pod_labels);
  if (container.identity.is_sandbox) return preparation;
  PINSCOPE_TRY(const auto candidates, store.set().candidates(container));
  if (candidates.empty()) return preparation;
  preparation.needs_hooks = true;

  const auto decision = policy::decide(candidates, container, host_before_start());
  if (!decision) return preparation;  // the hook will say it
  preparation.selected = decision->selected();
  if (decision->grants.empty() && !decision->delegation) return preparation;
  PINSCOPE_TRY(const Fd descriptors, kernel::open_descriptor_directory());
  kernel::SourceOpener sources(descriptors.get());
  preparation.commands = commands_for(*decision, sources);
  return preparation;
}

std::vector<oci::Hook> hooks_for(const HookOptions& options, const std::string& program) {
  std::vector<std::string> arguments = {program};
  const HookOptions defaults;
  const auto add = [&](const char* option, const std::string& value, const std::string& usual) {
    if (value == usual) return;
    arguments.emplace_back(option);
    arguments.push_back(value);
  };
  add("--policy", options.policy.policy_path, defaults.policy.policy_path);
  add("--state-dir", options.state_directory, defaults.state_directory);
  add("--cache-dir", options.policy.cache_directory, defaults.policy.cache_directory);
  add("--audit", options.audit.path, defaults.audit.path);
  if (!options.policy.compiler.empty())  // the hook finds the one beside itself
    add("--compiler", options.policy.compiler, join(parent_of(program), "pinscope"));
  add("--engine", model::engine_name(options.engine), "");
  for (const auto& [key, value] : options.pod_labels) add("--pod-label", key + "=" + value, "");
  for (const auto& policy : options.required_policies) add("--require-policy", policy, "");
  std::vector<oci::Hook> hooks;
  for (const char* stage : {"createRuntime", "poststop"}) {
    oci::Hook hook;
    hook.stage = stage;
    hook.path = program;
    hook.args = arguments;
    hook.args.emplace_back(stage);
    hook.env = {model::kHookEnvironment};
    hook.timeout = static_cast<uint32_t>(model::kHookTimeout.count());
    hooks.push_back(std::move(hook));
  }
  return hooks;
}

}  // namespace pinscope
