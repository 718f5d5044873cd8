#include "plugin/pipeline/start/prepare.h"

#include <utility>

#include "plugin/base/path.h"
#include "plugin/kernel/bpf/source.h"
#include "plugin/kernel/sys.h"
#include "plugin/pipeline/host_view.h"
#include "plugin/pipeline/identify.h"
#include "plugin/pipeline/run_log.h"
#include "plugin/policy/decide/commands.h"
#include "plugin/policy/decide/decide.h"
#include "plugin/policy/decide/grantable.h"
#include "plugin/policy/decide/may_select.h"

namespace pinscope {
namespace {

// What is known before there is a process. Where the path of a namespace leads, the hook sees.
policy::Known known_of(const oci::State& state) {
  return {.image = true,
          .bundle = !state.bundle.empty(),
          .user = true,
          .annotations = true,
          .namespaces = true};
}

}  // namespace

Result<Preparation> prepare(const HookOptions& options, const std::string& stage,
                            const oci::State& state,
                            const std::function<Result<std::string>()>& config) {
  RunLog log(options, stage);
  PINSCOPE_TRY(const auto store, open_policies(options.policy, log));
  Preparation preparation;
  if (store.empty()) return preparation;

  PINSCOPE_TRY(auto text, config());
  PINSCOPE_TRY(const auto container,
               container_of(state, std::move(text), options.engine, options.pod_labels));
  const policy::Known known = known_of(state);
  // Only the bundle shows whether containerd's annotations of a sandbox are its own.
  const bool may_lie = options.engine == model::Engine::kContainerd && !known.bundle;
  if (container.identity.is_sandbox && !may_lie) return preparation;
  // The set's index takes a bundle that is not known for one that no policy names.
  PINSCOPE_TRY(auto candidates,
               known.bundle ? store.set().candidates(container) : store.set().all());
  std::erase_if(candidates, [&](const model::Policy& policy) {
    return !policy::may_select(policy, container, known);
  });
  if (candidates.empty()) return preparation;
  if (!known.bundle)
    for (auto& policy : candidates) policy.select.bundles.clear();
  preparation.needs_hooks = true;

  const auto decision = policy::decide(candidates, container, host_before_start());
  // Without a decision, policies that select it disagree: the hook will say it.
  preparation.selected = !decision || decision->selected();
  if (!decision) return preparation;
  if (decision->grants.empty() && !decision->delegation) return preparation;
  PINSCOPE_TRY(const Fd descriptors, kernel::open_descriptor_directory());
  kernel::SourceOpener sources(descriptors.get(), policy::ObjectJudge());
  preparation.commands = policy::commands_for(*decision, look_at(*decision, sources));
  return preparation;
}

std::vector<model::HookEntry> hooks_for(HookOptions options, const std::string& program) {
  // The hook finds the compiler that is beside itself.
  if (options.policy.compiler == join(parent_of(program), "pinscope"))
    options.policy.compiler.clear();
  const auto arguments = arguments_for(std::move(options));
  return {model::hook_entry("createRuntime", program, arguments),
          model::hook_entry("poststop", program, arguments)};
}

}  // namespace pinscope
