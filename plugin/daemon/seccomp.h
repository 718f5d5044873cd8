// The seccomp policy of a container, with bpf(2) let through as far as its grants need it. NRI
// replaces a policy as a whole, and most runtimes do not tell the one that is there, so for those a
// copy of the engines' default one is shipped as data (config/seccomp).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/bpf_commands.h"
#include "plugin/model/policy.h"
#include "plugin/nri/nri.pb.h"
#include "plugin/nri/runtime_info.h"
#include "plugin/oci/seccomp.h"

namespace pinscope::daemon {

// A profile in the form of config.json's linux.seccomp, from a file that only root can write. What
// it has besides architectures, flags, the default action and rules is an error: it would be lost.
// Errors are kConfigInvalid.
Result<nri::LinuxSeccomp> read_seccomp_profile(const std::string& path);

// What a container needs for the most that these policies may give it. Nothing of what they
// delegate without a user namespace: there the same commands would make objects without any token.
model::BpfCommands commands_for(const std::vector<model::Policy>& policies,
                                const nri::Container& container);

// Lets these commands of bpf(2) through, and no other that was not let through before: the change
// of oci::open_for(), carried out.
oci::SeccompChange open_bpf(nri::LinuxSeccomp& policy, model::BpfCommands commands);

// What an engine tells its plugins of a container's seccomp: nothing (CRI-O, up to 1.37 at least;
// containerd before 2.2.1), the kind of profile that was asked for (containerd 2.2), or the policy
// itself as well (containerd from 2.3 on; internal/cri/nri/nri_api_linux.go).
enum class SeccompTold { kNothing, kProfile, kPolicy };
SeccompTold seccomp_told_by(const nri::RuntimeInfo& runtime);

// The policy to change for a container that has the engine's default profile: its own where the
// engine tells it, else `stand_in`. Nothing for one with another profile or with none. A privileged
// one has none, whatever the pod says: where the policy itself is not told, its writable /sys
// tells.
std::optional<nri::LinuxSeccomp> policy_to_change(const nri::Container& container, SeccompTold told,
                                                  const std::optional<nri::LinuxSeccomp>& stand_in);

}  // namespace pinscope::daemon
