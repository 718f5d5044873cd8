// What `pinscope node` does on a Kubernetes node: puts the programs there, keeps the policies of
// the cluster in force, wires the engines, and takes all of it away again. Whatever touches the
// node's files sees them as the node does, links included: in a child whose root directory is the
// node's, or through engine::Tree.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/node/policies.h"
#include "plugin/node/records.h"

namespace pinscope::node {

struct AgentOptions {
  // Paths as this program sees them:
  std::string root = "/";   // the node's root directory
  std::string volume;       // what the ConfigMap is mounted on
  std::string programs;     // the directory of the programs to install
  std::string status_file;  // "ready" or why not, for a probe; empty: none
  // Paths as the node sees them:
  std::string prefix = "/opt/pinscope";
  RecordPlaces records;
  HostPolicies policies;
  std::vector<model::Engine> engines;
  std::vector<std::string> hook_arguments;  // see engine::Options, as the next three
  std::vector<std::string> shim_arguments;
  std::string containerd_config;
  std::string containerd_version;
  bool remove_on_exit = false;  // of run
  bool wait = false;            // of remove: until the programs can go
};

// Installs, then follows the volume until SIGTERM or SIGINT, and removes records of containers that
// are gone. Programs come first, then policies, then the wiring. If policies have an error, the set
// in force stays in force. An error only if programs or wiring cannot be installed, or not be
// removed at the end.
Status run(const AgentOptions& options);

// Removes the wiring first, of the engines that are named and of those whose wiring names the
// programs; then the policies of the cluster, then the programs. Stops at the first that cannot be
// removed. Programs stay while a container with a record may be alive, because
// its runtime still calls them. If the wiring named the shim, the shim stays (see kShimStays). With
// `wait`, looks again until there is no such container, or until SIGTERM or SIGINT.
Status remove(AgentOptions options);

}  // namespace pinscope::node
