// The seccomp policy of a container, with bpf(2) let through as far as its grants need it. NRI
// replaces a policy as a whole, and most runtimes do not tell the one that is there, so a copy of
// the engines' default one is shipped as data (config/seccomp).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/policy.h"
#include "plugin/nri/types.h"

namespace pinscope::daemon {

// A profile in the form of config.json's linux.seccomp, from a file that only root can write. What
// it has besides architectures, flags, the default action and rules is an error: it would be lost.
// Errors are kConfigInvalid.
Result<nri::SeccompPolicy> read_seccomp_profile(const std::string& path);

// What a container may have to ask the kernel for to use what these policies grant.
std::vector<uint32_t> bpf_commands(const std::vector<model::Policy>& policies);

// Lets these commands of bpf(2) through, and no other that was not let through before.
void allow_bpf(nri::SeccompPolicy& policy, const std::vector<uint32_t>& commands);

// Whether the container has the engine's default profile, so that another may take its place. Where
// a container is privileged the engine uses no profile at all, whatever the pod says; NRI does not
// tell that it is, but its /sys is writable.
bool has_default_profile(const nri::Container& container);

}  // namespace pinscope::daemon
