// What a container that runs is given though its policies, which are others now, are to be reported
// only: what its view follows, and what exceptions that are over come to.
#pragma once

#include <optional>

#include "plugin/model/features.h"
#include "plugin/model/record.h"
#include "plugin/pipeline/decide_again.h"
#include "plugin/pipeline/exceptions.h"

namespace pinscope {

// In the place of `now`, with its sources looked at. Nothing if that would be no other view, or if
// the rest of the view cannot be made again as it is and no exception is over. Changes the working
// directory (see kernel::SourceOpener).
std::optional<Restart> what_is_not_reported(const model::Record& record, const Restart& now,
                                            const model::Features& features,
                                            const PlannedExceptions& exceptions);

}  // namespace pinscope
