// What would change in the view of a container that runs if it were given what the policies say
// now: its record beside the decision. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/model/object.h"
#include "plugin/model/record.h"
#include "plugin/pipeline/change/decide_again.h"

namespace pinscope {

// A grant without what a record does not hold, and what is no right.
model::GrantedPin bare(const model::GrantedPin& grant);
// The grants of a record that it has objects for, bare.
std::vector<model::GrantedPin> given_by(const model::Record& record);

// The pins among the grants: what the view has. What is shown of their values is none of them.
model::Decision pins_of(const model::Decision& decision);

struct Change {
  enum class Kind {
    kAdded,
    kRemoved,
    kWidened,    // more can be done with it
    kNarrowed,   // less can be done with it
    kChanged,    // the same rights in another way: name, owner
    kReplaced,   // its source names another object now
    kLayout,     // of the whole view
    kMasked,     // a bpffs beside the view was taken away
    kRepaired,   // it is what the policies say, and is made anew
    kException,  // one was made or undone, or has run out
  };
  Kind kind = Kind::kAdded;
  std::optional<model::GrantedPin> before = {};
  std::optional<model::GrantedPin> after = {};
  std::string text;  // as a clause; names in it are escaped
};
// "added", "removed", …: the words of every output.
const char* name_of(Change::Kind kind);
// "added map ...".
std::string to_string(const Change& change);

// A right to an object that the container had and is not to have any more. It goes on with what it
// has open.
struct LostRight {
  model::ObjectIdentity object;
  std::string name;          // in the view
  bool is_of_write = false;  // it may read the object still
  friend bool operator==(const LostRight&, const LostRight&) = default;
};

struct Changes {
  std::vector<Change> made;       // what a swap makes different
  std::vector<Change> not_made;   // what it was to make different, and was refused or failed
  std::vector<std::string> left;  // what it does not, and why: clauses
  std::vector<LostRight> lost;
  bool of_values = false;   // some of them are of the values that it is shown
  bool to_nothing = false;  // it has grants or values, and would have neither
};

// `restart` must have a decision and no refusal.
Changes changes_of(const model::Record& record, const Restart& restart);

}  // namespace pinscope
