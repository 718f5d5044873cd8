// What is to become of the exceptions of one container: what is ordered, and what has run out by
// now. Pure, but for look_at_paths().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/decision.h"
#include "plugin/model/exception.h"
#include "plugin/model/record.h"
#include "plugin/pipeline/change/decide_again.h"

namespace pinscope {

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
    std::string name = {};    // of them those under this name alone, unless it is empty
    uint64_t made_ns = 0;     // and made at this time, unless it is 0
  };
  std::optional<Undo> undone = {};
  // A container to which this comes to nothing is left alone, and that is no error.
  bool wherever = false;
};
// What comes of it: one that is made takes the place of an earlier one about the same, and what
// has run out is dropped. kUsage: nothing is called so, there is nothing to undo, or there
// would be too many.
struct PlannedExceptions {
  std::vector<model::Exception> all;  // in force
  std::vector<model::ExceptionChange> changes;
  // Whoever made one was killed at it: what it comes to is to be brought about.
  bool cut_short = false;
  // Something was taken by one that is over, and could not be given back yet.
  bool remembers = false;
  // An object of the container to which the path of a revocation leads now, under whatever name.
  struct Found {
    uint32_t number = 0;  // of the revocation
    model::ObjectIdentity object;
  };
  std::vector<Found> found;

  [[nodiscard]] bool has_changes() const { return cut_short || !changes.empty(); }
  [[nodiscard]] bool has_work() const { return has_changes() || remembers; }
  // Whether a revocation takes this pin of a record away: by its path, its object, or an object
  // that was found.
  [[nodiscard]] bool covers(const model::Exception& revocation,
                            const model::PinnedObject& pin) const;
  // A change takes something away, which is not to be stopped by what would stop a start.
  [[nodiscard]] bool takes_away() const;
  // And one was ordered that gives something, which is.
  [[nodiscard]] bool asks_to_give() const;
};
Result<PlannedExceptions> plan_exceptions(const model::Record& record, const ExceptionOrder& order,
                                          uint64_t now_ns);

// Fills in what is found where the paths of revocations lead, and what was cut short. A path that
// cannot be looked at leads nowhere; the answer says so, a clause each. Changes the working
// directory.
std::vector<std::string> look_at_paths(const model::Record& record, PlannedExceptions& planned);

// Whether what was made comes to anything: kPolicyConflict for a grant that is denied,
// kSourceMissing for one whose pin is not there; kUsage for one that the container has already, and
// for a revocation of what is not granted, and was not when it was made the last time. Takes the
// latter out where the order is for wherever it counts.
Status check_effect(PlannedExceptions& planned, const ExceptionOrder& order,
                    const model::Record& record, const Restart& restart);

// Whether each grant that was made is in what the container comes to have. kPolicyConflict: what it
// has under that name, by a policy that is another one by now, is in its way.
Status check_given(const PlannedExceptions& planned, const model::Decision& decision);

}  // namespace pinscope
