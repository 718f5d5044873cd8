// How far a container reaches, as the pipeline knows it: from its process when there is one, from
// its configuration before. Internal to the pipeline.
#pragma once

#include <vector>

#include "plugin/kernel/bpf.h"
#include "plugin/model/container.h"
#include "plugin/policy/reach.h"

namespace pinscope {

// What the hook has opened, for policy::check_reach.
policy::KnownObjects known(const std::vector<kernel::ObjectInfo>& objects);

// The ways out that the configured mounts will be, as far as this host shows what they are: what
// kernel::ways_out() finds when they are there. Mounts of the container's own come later.
std::vector<model::WayOut> ways_out_by_configuration(const model::Container& container);

}  // namespace pinscope
