// Exceptions of a container that runs (model/exception.h), applied to what the policies say.
//
// One becomes a policy of its own that selects the container: a grant grants, and a revocation
// denies. So whatever judges policies judges exceptions: a denial wins over a timed grant, be it a
// policy's or a revocation's; names, kinds of objects, reach and void views are judged as for any
// other grant; and a revocation takes an object away under each of its names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/exception.h"
#include "plugin/model/features.h"
#include "plugin/model/policy.h"
#include "plugin/model/record.h"
#include "plugin/pipeline/decide_again.h"
#include "plugin/pipeline/swap.h"

namespace pinscope {

// Those that count at this moment (CLOCK_REALTIME, nanoseconds).
std::vector<model::Exception> in_force(const std::vector<model::Exception>& exceptions,
                                       uint64_t now_ns);

// Whether a revocation takes this pin of a record away by its path or its object. It may take
// others away as well, under which the same object is pinned.
bool covers(const model::Exception& revocation, const model::PinnedObject& pin);

// What is to become of the exceptions of one container.
struct ExceptionOrder {
  // Without numbers, which they get. A revocation with a name alone is of the sources that the
  // container has under it.
  std::vector<model::Exception> made;
  // Those of this kind; of them those about `pins` alone, by pin, by name or as "map:17", unless
  // there are none.
  struct Undo {
    model::Exception::Kind kind = model::Exception::Kind::kRevoke;
    std::vector<std::string> pins;
    std::string reason = {};  // as it was given
  };
  std::optional<Undo> undone = {};
  // A container to which this comes to nothing is left alone, and that is no error.
  bool wherever = false;
};
// What comes of it: one that is made takes the place of an earlier one about the same, and what
// has run out is dropped. Pure. kUsage: nothing is called so, there is nothing to undo, or there
// would be too many.
struct PlannedExceptions {
  std::vector<model::Exception> all;  // in force
  std::vector<model::ExceptionChange> changes;
  // A change takes something away, which is not to be stopped by what would stop a start.
  [[nodiscard]] bool takes_away() const;
  // And one was ordered that gives something, which is.
  [[nodiscard]] bool asks_to_give() const;
};
Result<PlannedExceptions> plan_exceptions(const model::Record& record, const ExceptionOrder& order,
                                          uint64_t now_ns);

// The grant of this source under this name; null: there is none.
const model::GrantedPin* find_grant(const model::Decision& decision, const std::string& source,
                                    const std::string& name);

// What an exception took, as the pin that it was; without an object if that is not known.
model::PinnedObject taken_pin(const model::RefusedPin& refusal);

// Whether this rule is an exception that is not among those in force.
bool is_over(const model::Rule& rule, const std::vector<model::Exception>& in_force);
// Where the container has its view and its values, how, and why: as the record has it.
void take_view_of(const model::Record& record, model::Decision& decision);

// The policies, and behind them those that the exceptions are.
std::vector<model::Policy> with_exceptions(const std::vector<model::Policy>& policies,
                                           const std::vector<model::Exception>& exceptions);
// Takes away, as refusals, what revocations of objects cover.
void take_objects_away(Restart& restart, const std::vector<model::Exception>& exceptions);
// Whether what was made comes to anything: kPolicyConflict for a grant that is denied,
// kSourceMissing for one whose pin is not there; kUsage for one that the container has already, and
// for a revocation of what is not granted, and was not when it was made the last time. Takes the
// latter out where the order is for wherever it counts.
Status check_effect(PlannedExceptions& planned, const ExceptionOrder& order,
                    const model::Record& record, const Restart& restart);

// Whether each grant that was made is in what the container comes to have. kPolicyConflict: what it
// has under that name, by a policy that is another one by now, is in its way.
Status check_given(const PlannedExceptions& planned, const model::Decision& decision);

// Takes over why a container has, and has not, what it has, where its view stays as it is.
void note_rules(const model::Decision& decision, model::Given& given);

// When the first of these runs out that has not yet; nothing: none will.
std::optional<uint64_t> next_end(const std::vector<model::Exception>& exceptions, uint64_t now_ns);

// Gives each container that runs and has an exception that has run out its view without it. Of
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
