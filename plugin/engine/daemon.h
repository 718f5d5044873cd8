// The program of an engine on a machine, and how it is started: what runs now, and what its unit
// would start. Read from /proc and the units of the tree; nothing is run. A machine whose /proc is
// not below the tree's root, or whose processes the caller may not look at, has none that run.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/engine/tree.h"
#include "plugin/model/container.h"

namespace pinscope::engine {

// Where distributions of Kubernetes keep the programs that they bring themselves, containerd and
// runc among them, and look first: k3s, RKE2, MicroK8s. Their sources say so (k3s:
// cmd/k3s/main.go).
inline constexpr std::array kDistributions = {"/var/lib/rancher/k3s/data/current/bin",
                                              "/var/lib/rancher/rke2/bin",
                                              "/snap/microk8s/current/bin"};

// Where the engine's program is, in the usual directories or in those of a distribution that brings
// its own (k3s, RKE2, MicroK8s, snap); empty if it is in none.
std::string engine_program(const Tree& tree, model::Engine engine);

struct DaemonCommand {
  std::vector<std::string> arguments;  // without the program's name
  std::string where;                   // "docker.service" or "process 123", for people
  pid_t process = 0;                   // 0: what the unit would start
  // When it was started, since the epoch; precise to a hundredth of a second.
  std::chrono::nanoseconds started{0};

  // What is said of an option, as `--name value` or `--name=value`, in order.
  [[nodiscard]] std::vector<std::string> values_of(std::string_view option) const;
  // The arguments without that option.
  [[nodiscard]] std::vector<std::string> without(std::string_view option) const;
};

// The processes that run the engine's program itself: one in a container has another file.
std::vector<DaemonCommand> running_daemons(const Tree& tree, model::Engine engine);
// The same, and before them what the engine's unit says, if there is one.
std::vector<DaemonCommand> daemon_commands(const Tree& tree, model::Engine engine);

}  // namespace pinscope::engine
