// Containers that exist when the plugin connects. Some may be selected by a policy but have no
// view, because they were created while no plugin was connected, or before the policy.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "plugin/model/container.h"
#include "plugin/model/policy.h"
#include "plugin/nri/nri.pb.h"

namespace pinscope::daemon {

// What an engine says at Synchronize, all parts of it.
struct AlreadyThere {
  std::map<std::string, nri::PodSandbox> pods;  // by id
  std::vector<nri::Container> containers;
};

// What shows that Pinscope was asked when a container started.
struct Evidence {
  std::string hook_path;           // a hook in its configuration
  bool hooks_are_expected = true;  // where none is put there, only what is certain is told
  // Ids of containers with a record; nothing where the records are not in sight, as in a pod that
  // does not mount them.
  std::optional<std::set<std::string>> recorded;
};

// Ids of the engine's containers with a record; nothing where there is no such directory.
std::optional<std::set<std::string>> recorded_ids(const std::string& state_directory,
                                                  model::Engine engine);

// A line for each container that runs without a view although a policy of `policies` selects
// it, or may (NRI does not tell all that a policy can ask for); without records, that it may run
// so. For many containers the last line says how many more there are.
std::vector<std::string> without_view(const AlreadyThere& there, model::Engine engine,
                                      const std::vector<model::Policy>& policies,
                                      const Evidence& evidence);

}  // namespace pinscope::daemon
