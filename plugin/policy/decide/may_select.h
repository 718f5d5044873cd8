// Judging policies before everything is known of a container: for plugins that see it earlier than
// the hook does and have to decide whether to bring the hook in at all. Pure.
#pragma once

#include <string>
#include <vector>

#include "plugin/model/container.h"
#include "plugin/model/policy.h"

namespace pinscope::policy {

// Which parts of a container are filled in. The others may turn out to be anything.
struct Known {
  bool image = false;
  bool bundle = false;
  bool user = false;         // uid and gid
  bool annotations = false;  // all of them: none will come
  // Which namespaces are the host's, private or joined by path. What a path leads to is never
  // known.
  bool namespaces = false;
};

// False only if the policy cannot select the container, whatever the unknown parts turn out to be:
// a known key of `select` does not match, or an item of `exclude` has known keys alone and matches.
// Engine and Kubernetes identity (labels too) count as known: what is absent there is not there.
bool may_select(const model::Policy& policy, const model::Container& container, const Known& known);

// The keys of the pod labels that `select` and `exclude` of the policies name, sorted, each once:
// the only ones that have to be handed on to the hook.
std::vector<std::string> label_keys(const std::vector<model::Policy>& policies);

}  // namespace pinscope::policy
