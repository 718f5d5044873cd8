// Exceptions of a container that runs (model/exception.h), applied to what the policies say.
//
// One becomes a policy of its own that selects the container: a grant grants, and a revocation
// denies. So whatever judges policies judges exceptions: a denial wins over a timed grant, be it a
// policy's or a revocation's; names, kinds of objects, reach and void views are judged as for any
// other grant; and a revocation takes an object away under each of its names.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "plugin/model/exception.h"
#include "plugin/model/policy.h"
#include "plugin/model/record.h"
#include "plugin/pipeline/change/decide_again.h"

namespace pinscope {

// Those that count at this moment (CLOCK_REALTIME, nanoseconds).
std::vector<model::Exception> in_force(const std::vector<model::Exception>& exceptions,
                                       uint64_t now_ns);

// Whether a revocation by path is of this one: names it or matches it, or a directory above it.
bool covers_path(const model::Exception& revocation, std::string_view path);
// Whether a revocation takes this pin of a record away by its path or its object. It may take
// others away as well, under which the same object is pinned.
bool covers(const model::Exception& revocation, const model::PinnedObject& pin);

// What an exception took, as the pin that it was; without an object if that is not known.
model::PinnedObject taken_pin(const model::RefusedPin& refusal);

// Whether this rule is an exception that is not among those in force.
bool is_over(const model::Rule& rule, const std::vector<model::Exception>& in_force);

// Whether something was taken by one that is not, and could not be given back yet.
bool remembers(const model::Given& given, const std::vector<model::Exception>& in_force);

// Where the container has its view and its values, how, and why: as the record has it.
void take_view_of(const model::Record& record, model::Decision& decision);

// The policies, and behind them those that the exceptions are.
std::vector<model::Policy> with_exceptions(const std::vector<model::Policy>& policies,
                                           const std::vector<model::Exception>& exceptions);
// Takes away, as refusals, what revocations of objects cover.
void take_objects_away(Restart& restart, const std::vector<model::Exception>& exceptions);
// Takes over why a container has, and has not, what it has, and what its view waits for, where that
// stays as it is.
void note_reasons(const Restart& restart, model::Given& given);
// What is refused now, with the objects that are known of what was taken before.
void take_refusals(const model::Decision& decision, model::Given& given);
// What is left out because it is not there, as pins without an object.
void add_left_out(const Restart& restart, std::vector<model::PinnedObject>& pins);

}  // namespace pinscope
