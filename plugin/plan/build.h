// A decision becomes a plan: which instances, pins and mounts make the view, in which order. Pure;
// all that can be refused without touching the machine is refused here.
#pragma once

#include <optional>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/model/features.h"
#include "plugin/model/plan.h"

namespace pinscope::plan {

// `container.uid_map` and `gid_map` are those of the live process where there is one.
// kIdNotMapped: an owner that the container's user namespace does not know. An empty decision gives
// an empty plan.
Result<model::Plan> build(const model::Decision& decision, const model::Container& container,
                          const model::Features& features);

// The grants' view alone, attached nowhere, whatever the decision says of the rest of the
// container: for one that is put in the place of another. It is `view`, with the mounts below it.
// Without grants there is none, and no step; or, where a kernel cannot take the
// old one away, an empty one. With the values that it shows, if the decision shows any.
struct UnattachedPlan {
  model::Plan plan;
  model::MountId view = 0;
  std::optional<model::MountId> values = {};
};
Result<UnattachedPlan> build_unattached(const model::Decision& decision,
                                        const model::Container& container,
                                        const model::Features& features);

}  // namespace pinscope::plan
