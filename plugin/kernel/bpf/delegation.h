// BPF tokens: a bpffs that belongs to a container's user namespace and delegates rights to it. The
// kernel wants two parties (kernel/bpf/inode.c): a process in that user namespace and in a mount
// namespace of it opens the file system, which fixes whose it is; one with CAP_SYS_ADMIN in the
// initial user namespace says what it delegates and creates it.
#pragma once

#include <cstdint>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/kernel/process/process.h"
#include "plugin/model/features.h"
#include "plugin/model/token_rights.h"

namespace pinscope::kernel {

// The root directory of the bpffs: mode 0755, sticky, and this owner (host ids, which the user
// namespace need not map).
struct DelegatedRoot {
  uint32_t uid = 0;
  uint32_t gid = 0;
};

// Whether this kernel can delegate `rights`: it is asked for each name, and looks into its own BTF.
// kKernelUnsupported says what is missing. Changes nothing.
Status check_delegable(const model::TokenRights& rights);

// The context of a new bpffs in the user namespace of `process`. Starts a child for a moment: it
// enters the namespaces, opens the file system and hands it back. To be called in the host's mount
// namespace. kKernelUnsupported where the kernel cannot do it, kProcessGone.
Result<Fd> create_delegated_bpffs(const ContainerProcess& process, const model::TokenRights& rights,
                                  const DelegatedRoot& root);

// Whether the root of `mount` has the owner and mode that were asked for, which keep others from
// pinning.
Status check_root(int mount, const DelegatedRoot& root);

// What the superblock of the mount whose root `mount` is delegates, as the kernel says in
// `mountinfo`: an open mountinfo file of the mount namespace that it is attached in.
Result<model::TokenRights> delegated_rights(int mountinfo, int mount);

// The rights in the superblock options of a line of mountinfo. An error for a name that is not
// known here, because then the options are not those that we asked for.
Result<model::TokenRights> parse_delegation(std::string_view options);

// Whether delegation works here, tried in a new user namespace. For doctor; needs root.
struct DelegationProbe {
  model::Probe answer = model::Probe::kUnknown;
  std::string detail;
};
DelegationProbe probe_delegation();

}  // namespace pinscope::kernel
