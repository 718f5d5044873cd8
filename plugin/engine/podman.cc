// Podman: a hook file in a directory of its own, added by a drop-in of containers.conf(5). Podman
// reads both for each container that it makes, so nothing is to be restarted but a service for its
// API, which has read the drop-ins when it was started. The file is for "precreate", at which the
// hook adds itself for the other stages to config.json where a policy may select the container: any
// other one pays for one short process (docs/adr/0025-no-hook-where-nothing-is-selected.md).
// Buildah, and with it `podman build`, reads the default directory as well and does not know
// "precreate": a file for that stage there would break every build, which is one more reason for a
// directory of our own.
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
