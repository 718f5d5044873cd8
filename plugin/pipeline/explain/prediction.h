// What the hook will meet in a container that is not there yet: the refusals of kernel/ and apply/,
// foreseen from the configuration and this host. Where runc and crun differ, the refusal of either
// counts: what a propagation option applies to, and trees of mounts in a user namespace. What the
// two say is compared by `engines.*Foreseen.*`, over generated lists of mounts. Internal to the
// pipeline.
#pragma once

#include <optional>
#include <vector>

#include "plugin/base/error.h"
#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/model/reach.h"
#include "plugin/pipeline/explain/predicted_mounts.h"
#include "plugin/policy/decide/host_view.h"

namespace pinscope {

// Whether links and mounts of this machine count, or those that every machine has.
enum class Machine { kThis, kAny };
PredictedMounts predict_mounts(const model::Container& container, Machine machine);

// The ways out that the mounts will be: what kernel::ways_out() finds when they are there.
std::vector<model::WayOut> ways_out_in(const PredictedMounts& mounts,
                                       const model::Container& container,
                                       const policy::HostView& host);

// The first reason for which the hook will not make the view, in its order: a bpffs that cannot be
// hidden, a place that cannot be used or is covered later. `mounts` are changed as the hook would.
std::optional<Error> foreseen_refusal(PredictedMounts& mounts, const model::Container& container,
                                      const model::Decision& decision);

}  // namespace pinscope
