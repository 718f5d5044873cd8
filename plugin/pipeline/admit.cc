#include "plugin/pipeline/admit.h"

#include <algorithm>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/model/low_level_runtime.h"
#include "plugin/policy/decide/decide.h"

namespace pinscope {

using model::Engine;
using model::Policy;
using model::Rule;

ProcessFacts facts_of(const kernel::ContainerProcess& process) {
  return {process.program_name(), process.shares_our_mount_namespace(),
          process.shares_our_user_namespace()};
}

Status admit(const model::Decision& decision, const ProcessFacts& process) {
  if (process.shares_mount_namespace)
    return std::unexpected(
        Error(ErrorCode::kHostNamespace, "give a view to this container")
            .reason("it shares the host's mount namespace")
            .hint("a view there would be everybody's; let no policy select this container"));
  // criu-4.1, as distributions and people name it
  if (process.program.starts_with("criu"))
    return std::unexpected(Error(ErrorCode::kRuntimeUnsupported,
                                 "give a view to a container that is restored from a checkpoint")
                               .reason("CRIU mounts what the checkpoint holds after this hook")
                               .hint("start it anew, or let no policy select it"));
  if (model::has_own_kernel(process.program))
    return std::unexpected(runs_elsewhere(process.program));
  if (decision.delegation && process.shares_user_namespace)
    return std::unexpected(Error(ErrorCode::kDelegation, "delegate BPF")
                               .reason("its process is in the host's user namespace")
                               .rule(to_string(decision.delegation->rules.front())));
  return {};
}

Error runs_elsewhere(std::string_view program) {
  return Error(ErrorCode::kRuntimeUnsupported,
               "give a view to a container of " + quoted(base_name(program)))
      .reason("it does not run on this kernel")
      .hint("let no policy select containers of gVisor or Kata");
}

Status check_required(const std::vector<std::string>& required,
                      const std::vector<Rule>& selected_by, const std::vector<Policy>& policies,
                      const model::Container& container, const policy::HostView& host) {
  for (const auto& name : required)
    if (std::ranges::find(selected_by, name, &Rule::policy) == selected_by.end())
      return std::unexpected(policy::not_selected(name, policies, container, host));
  return {};
}

bool may_concern(const std::vector<Policy>& policies, Engine engine) {
  return engine == Engine::kUnknown || std::ranges::any_of(policies, [&](const Policy& policy) {
           const auto& engines = policy.select.engines;
           return engines.empty() || std::ranges::find(engines, engine) != engines.end();
         });
}

}  // namespace pinscope
