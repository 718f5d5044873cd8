#include "plugin/engine/podman.h"

#include "plugin/engine/hook_directory.h"

namespace pinscope::engine {
namespace {

const HookDirectory& podman() {
  static const HookDirectory wiring = {
      .engine = model::Engine::kPodman,
      .title = "Podman",
      .stages = {"precreate"},
      .configs = {"/usr/share/containers/containers.conf", "/etc/containers/containers.conf"},
      .drop_ins = "/etc/containers/containers.conf.d",
      .suffix = ".conf",
      .key = {"engine", "hooks_dir"},
      .next = {},
      .other_variables = {"CONTAINERS_CONF", "CONTAINERS_CONF_OVERRIDE"},
  };
  return wiring;
}

Result<WiringPlan> install(const Tree& tree, const Options& options) {
  return install_hooks(tree, options, podman());
}

Result<WiringPlan> remove(const Tree& tree, const Options& options) {
  return remove_hooks(tree, options, podman());
}

void examine(const Tree& tree, const Receipt& receipt, Report& report) {
  examine_hooks(tree, receipt, podman(), report);
  report_old_processes(
      tree, receipt, report,
      "systemctl restart podman.service, or end that process: its socket starts it anew",
      [](const DaemonCommand&) { return true; });
}

}  // namespace

const Wiring kPodmanWiring = {install, remove, examine};

}  // namespace pinscope::engine
