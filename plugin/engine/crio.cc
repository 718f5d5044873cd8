#include "plugin/engine/crio.h"

#include "plugin/engine/hook_directory.h"

namespace pinscope::engine {
namespace {

const HookDirectory& crio() {
  static const HookDirectory wiring = {
      .engine = model::Engine::kCrio,
      .title = "CRI-O",
      .stages = {"createRuntime", "poststop"},
      .configs = {"/etc/crio/crio.conf"},
      .drop_ins = "/etc/crio/crio.conf.d",
      .suffix = "",
      .below = true,
      .key = {"crio", "runtime", "hooks_dir"},
      .next = {"systemctl restart crio (containers go on running)"},
      .list_variable = "CONTAINER_HOOKS_DIR",
      .drop_ins_variable = "CONTAINER_CONFIG_DIR",
      .other_variables = {"CONTAINER_CONFIG"},
  };
  return wiring;
}

Result<WiringPlan> install(const Tree& tree, const Options& options) {
  return install_hooks(tree, options, crio());
}

Result<WiringPlan> remove(const Tree& tree, const Options& options) {
  return remove_hooks(tree, options, crio());
}

void examine(const Tree& tree, const Receipt& receipt, Report& report) {
  examine_hooks(tree, receipt, crio(), report);
  report_old_processes(tree, receipt, report, crio().next.front(),
                       [](const DaemonCommand&) { return true; });
}

}  // namespace

const Wiring kCrioWiring = {install, remove, examine};

}  // namespace pinscope::engine
