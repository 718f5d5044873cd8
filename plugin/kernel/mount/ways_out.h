// Mounts in a container that lead to cgroups, network namespaces or processes which are not its
// own, and to which programs could be attached.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/kernel/mount/mounts.h"
#include "plugin/kernel/process/process.h"
#include "plugin/model/reach.h"

namespace pinscope::kernel {

// Every such mount below the mount that `root` is on, even covered ones, because what covers them
// can be detached. To be called in the container's mount namespace, where the root may be at
// `rootfs` still. Enters its cgroup namespace if it has a cgroup file system: only there does the
// kernel say which part of it is its own.
Result<std::vector<model::WayOut>> ways_out(const MountTable& mounts, int root,
                                            const std::string& rootfs,
                                            const ContainerProcess& process);

// The ways out that one mount of a kind is, for explain as well. `at`: in the container.
model::WayOut way_of_cgroups(const std::string& at);
model::WayOut way_of_network(const std::string& at);
std::vector<model::WayOut> ways_of_processes(const std::string& at);

// Whether a mount's root is within the container's cgroup namespace, told from how a member of the
// namespace sees the root and how we do. If both see the same, the namespace has the same root as
// ours and contains everything: so it is in a version 2 hierarchy beside version 1, in which nobody
// has put the container.
bool is_own_cgroup(std::string_view seen_by_it, std::string_view seen_by_us);
// The number of a network namespace in the root of its mount, "net:[4026531840]"; 0 for others.
uint64_t network_namespace_in(std::string_view root);

}  // namespace pinscope::kernel
