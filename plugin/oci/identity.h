// Who a container is, as far as its engine itself wrote it down.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugin/model/container.h"

namespace pinscope::oci {

using Annotations = std::vector<std::pair<std::string, std::string>>;

// Reads the keys that `engine` writes last, over whatever the workload's owner put there. The other
// engines' keys are anybody's to set and are not looked at: see docs/threat-model.md. containerd
// writes its keys for pods only, which live in its namespace "k8s.io"; what `bundle` shows to be of
// another one (ctr, nerdctl) has its annotations from a command line.
model::Identity read_identity(const Annotations& annotations, model::Engine engine,
                              std::string_view bundle = {});

// Whether the engine writes any of this. Of one that does not, the facts are absent for certain;
// the unknown one may be any.
bool establishes_facts(model::Engine engine);

}  // namespace pinscope::oci
