// What a container that runs has, in the place of what its policies, which may be others now, would
// give it: for exceptions, which change nothing else of it, and where its policies are to be
// reported only. Pure.
#pragma once

#include <optional>
#include <vector>

#include "plugin/model/record.h"
#include "plugin/pipeline/change/decide_again.h"
#include "plugin/pipeline/change/plan_exceptions.h"

namespace pinscope {

struct Kept {
  struct Grant {
    bool stays_out = false;                           // it was left out, and is
    std::optional<model::ObjectInfo> had = {};        // what it has been
    std::optional<model::GrantedPin> given_now = {};  // what `now` gives with no less rights
  };
  Restart restart;
  std::vector<Grant> grants;  // of each of the decision, in its order
};

enum class Giving {
  kByPolicy,  // what `now` gives
  kNothing,   // `now` is no start: what is taken goes, and nothing comes
};

// The view of the record, where it is and as it is. Each source names the object that the container
// has, or, where it is followed and `now` gives it with no less rights, whatever it names by now.
// Of the exceptions:
// - what a revocation in force covers goes;
// - what one gave that is over goes, or becomes what `now` gives of it with less rights;
// - what one took that is over comes back with the rights that it had, if `now` gives it with no
//   less; another one that covers it takes its place;
// - what a grant in force gives comes, beside or in the place of what the container has.
// Its sources are not looked at yet. Nothing if no exception changes and nothing is followed.
std::optional<Kept> what_stays(const model::Record& record, const Restart& now,
                               const PlannedExceptions& exceptions, Giving giving);

}  // namespace pinscope
