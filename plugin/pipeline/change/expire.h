// Exceptions that have run out, undone on time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/exception.h"
#include "plugin/model/features.h"
#include "plugin/model/policy.h"
#include "plugin/pipeline/change/swap.h"

namespace pinscope {

// When the first of these runs out that has not yet; nothing: none will.
std::optional<uint64_t> next_end(const std::vector<model::Exception>& exceptions, uint64_t now_ns);

// Gives each container that runs and has an exception that has run out its view without it, and
// one where whoever made or undid one was killed at it the view that it was to have. Of
// those alone whose records are in these files. What cannot be undone now (kFailed, kRefused) is
// tried again by the next call.
//
// For whoever is to do it on time: call it, sleep until `next_ns`, call it again; and whenever
// records change (an inotify watch of the state directory tells). Ends are times of CLOCK_REALTIME:
// a timerfd with TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET hears of a clock that was set. State
// is in the records alone. As swap_view(), it needs root and a process with one thread, and changes
// the working directory. Errors are of the state directory.
struct Expiry {
  std::vector<Swapped> containers;  // those that had one, ended ones left out
  std::optional<uint64_t> next_ns;  // CLOCK_REALTIME; nothing: none will run out
  std::vector<Error> unreadable;    // records
};
Result<Expiry> expire_exceptions(const std::vector<model::Policy>& policies,
                                 const model::Features& features,
                                 const std::vector<std::string>& files, const SwapOrder& order);

}  // namespace pinscope
