// The program of an engine on a machine, and how it is started: what runs now, and what its unit
// would start. Read from /proc and the units of the tree; nothing is run. A machine whose /proc is
// not below the tree's root, or whose processes the caller may not look at, has none that run.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugin/engine/wiring/tree.h"
#include "plugin/engine/wiring/unit.h"
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
  std::string where;      // "docker.service" or "process 123", for people
  pid_t process = 0;      // 0: what the unit would start
  bool serves = true;     // false: a subcommand that starts no server
  Variables environment;  // of a unit
  // When it was started, since the epoch; precise to a hundredth of a second.
  std::chrono::nanoseconds started{0};
  // The engine's own options, names without dashes. Words after the first that is not an option, a
  // subcommand and its arguments, are left out.
  std::vector<std::pair<std::string, std::string>> options;

  // What is said of an option, by any of its names, in order.
  [[nodiscard]] std::vector<std::string> values_of(
      std::initializer_list<std::string_view> names) const;
};

// The processes that serve as the machine's engine: they run its program by its name, as root in
// every respect, in the machine's user and mount namespaces. Who else has that program for a file,
// and what its arguments are, is any user's choice.
std::vector<DaemonCommand> running_daemons(const Tree& tree, model::Engine engine);
// What the engine's unit says, if there is one, and behind it the processes: the unit starts what
// will run next, so its word counts first. A process's words are good for telling people and for
// refusing, never for running something or for choosing a file.
std::vector<DaemonCommand> daemon_commands(const Tree& tree, model::Engine engine);
// Why it cannot be told what the engine's unit starts; empty if it can, or if there is none.
std::vector<std::string> unit_doubts(const Tree& tree, model::Engine engine);

}  // namespace pinscope::engine
