// The seccomp policy of a container, with bpf(2) let through as far as its grants need it. NRI
// replaces a policy as a whole, and most runtimes do not tell the one that is there, so a copy of
// the engines' default one is shipped as data (config/seccomp).
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/bpf_commands.h"
#include "plugin/model/policy.h"
#include "plugin/nri/types.h"

namespace pinscope::daemon {

// A profile in the form of config.json's linux.seccomp, from a file that only root can write. What
// it has besides architectures, flags, the default action and rules is an error: it would be lost.
// Errors are kConfigInvalid.
Result<nri::SeccompPolicy> read_seccomp_profile(const std::string& path);

// What a container needs for all that these policies grant. A grant without `expect.kind` is taken
// for one of a map.
model::BpfCommands commands_for(const std::vector<model::Policy>& policies);

// Lets these commands of bpf(2) through, and no other that was not let through before. Returns
// those that stay refused, because the policy is of a kind that is not changed (oci/seccomp.h).
model::BpfCommands allow_bpf(nri::SeccompPolicy& policy, model::BpfCommands commands);

// Whether the container has the engine's default profile, so that another may take its place. Where
// a container is privileged the engine uses no profile at all, whatever the pod says; NRI does not
// tell that it is, but its /sys is writable.
bool has_default_profile(const nri::Container& container);

}  // namespace pinscope::daemon
