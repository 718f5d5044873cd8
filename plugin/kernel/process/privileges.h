// Privileges: what the hook keeps, and when it gives the rest up. libcap is known here only.
#pragma once

#include <string>
#include <utility>

#include "plugin/base/result.h"

namespace pinscope::kernel {

// Whether this process serves a user's own ("rootless") engine: it is not root, or it is in a user
// namespace that the host's root is not in, so that whatever root owns, "/" first of all, seems to
// belong to nobody.
bool serves_rootless_engine();

// Whether this process is in the initial user namespace, the only one in which the capabilities
// count that views and tokens need. A namespace that maps every id to itself (systemd's
// PrivateUsers=full) looks like it and is not. True where /proc does not tell.
bool in_initial_user_namespace();
// The same of its PID namespace.
bool in_initial_pid_namespace();

// Adds to an error about missing rights that this process is not in the initial user namespace, if
// so. Other errors stay as they are.
Error where_rights_end(Error error);
template <typename T>
Result<T> where_rights_end(Result<T> result) {
  if (result) return result;
  return std::unexpected(where_rights_end(std::move(result).error()));
}

// Restricts this process to building a view: no_new_privs, an umask of 022, no inherited
// descriptors but the standard three, "/" as the working directory, and only the capabilities that
// building a view needs, in the effective and permitted sets; none inheritable or ambient.
Status restrict_to_view_building();

// Gives the capabilities on files back that the kernel takes away from a process whose files belong
// to somebody else than root: see FileIds.
Status keep_file_capabilities();

// Restricts this process, once the view is in place, to the capabilities that removing the view
// would need.
Status restrict_to_undo();

// Restricts a process that reads YAML: limits on memory, processor time and core files,
// no_new_privs, no capabilities.
Status restrict_to_compiling();

// Makes `directory` the root directory of this process. Needs CAP_SYS_CHROOT.
Status enter_root(const std::string& directory);

// Gives up every capability, for good. Descriptors that are open stay usable.
Status drop_all_capabilities();

}  // namespace pinscope::kernel
