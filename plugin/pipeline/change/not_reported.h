// What a container that runs is given beside what its policies, which may be others now, would make
// of it: what exceptions come to, and, where its policies are to be reported only, what its view
// follows.
#pragma once

#include <optional>

#include "plugin/model/features.h"
#include "plugin/model/record.h"
#include "plugin/pipeline/change/decide_again.h"
#include "plugin/pipeline/change/plan_exceptions.h"
#include "plugin/pipeline/change/what_stays.h"

namespace pinscope {

// In the place of `now`, with its sources looked at; see what_stays(). What cannot be as it is, and
// what the policies do not give in its place either, goes for exceptions: their view has to be made
// again. Nothing if that would be no other view, or if something of it cannot be as it is and no
// exception changes. Changes the working directory (see kernel::SourceOpener).
std::optional<Restart> what_is_not_reported(const model::Record& record, const Restart& now,
                                            const model::Features& features,
                                            const PlannedExceptions& exceptions, Giving giving);

}  // namespace pinscope
