// Questions about a container's configuration: for what judges it here, and for advice/.
#pragma once

#include <cstdint>
#include <string_view>

#include "plugin/model/container.h"

namespace pinscope::policy {

bool has(const model::Container& container, uint32_t capability);
bool has_user_namespace(const model::Container& container);
bool has_option(const model::ConfiguredMount& mount, std::string_view option);

// Whether its user namespace maps the host's uid 0, to whichever id.
bool maps_hosts_root(const model::Container& container);

// Whether the mount itself is read-only, the last of "ro" and "rw"; see also "rro".
bool is_read_only_itself(const model::ConfiguredMount& mount);

// A volume: a bind mount of something of the host's, alone or with what is mounted below it.
bool is_volume(const model::ConfiguredMount& mount);
bool is_recursive_volume(const model::ConfiguredMount& mount);

// A bpffs of the container's own, in which it can pin.
bool is_fresh_bpffs(const model::ConfiguredMount& mount);

// A volume with the host's /proc, or a part of it.
bool shows_host_proc(const model::ConfiguredMount& mount);

}  // namespace pinscope::policy
