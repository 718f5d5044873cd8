// How far a container reaches, as the pipeline knows it from its process; pipeline/prediction.h
// knows it from its configuration. Internal to the pipeline.
#pragma once

#include <vector>

#include "plugin/model/object.h"
#include "plugin/policy/decide/reach.h"

namespace pinscope {

// What the hook has opened, for policy::check_reach.
policy::KnownObjects known(const std::vector<model::ObjectInfo>& objects);

}  // namespace pinscope
