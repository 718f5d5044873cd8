// What a container that sees the host's processes, or sockets of its services, can do to them: the
// sentences, and the remarks of what does not make its view void. Internal to advice/.
#pragma once

#include <string>
#include <vector>

#include "plugin/advice/remarks.h"

namespace pinscope::advice {

// How it sees them, and what to do about it.
inline constexpr const char* kByPidNamespace = "with the host's PID namespace";
std::string by_host_proc(const model::ConfiguredMount& mount);
inline constexpr const char* kOwnPidNamespace =
    "give it its own PID namespace, or a user namespace";
inline constexpr const char* kNoHostProc =
    "remove the mount, or give the container a user namespace";

// What it can do, by its capabilities; `how`: as above.
std::string reach_of_processes(const model::Container& container, const std::string& how);

// Of sockets of the host that are volumes.
std::vector<Remark> remarks_on_processes(const model::Container& container);

}  // namespace pinscope::advice
