// Gives a container that runs the view that the policies say now: decides again, compares with the
// record, builds a new view, sealed as at a start, and puts it in the place of the old one.
//
// The work is done in a child process, which enters the container's mount namespace and ends; this
// one never does. The record says what is about to be before anything is, and what was done
// afterwards: whoever is killed in between leaves the old view or the new one, and a record that
// names both, from which the next swap goes on. What fails is taken back.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/features.h"
#include "plugin/model/policy.h"
#include "plugin/model/record.h"
#include "plugin/pipeline/change/changes.h"
#include "plugin/pipeline/options.h"

namespace pinscope {

struct ExceptionOrder;

struct SwapOrder {
  const HookOptions& options;
  std::string stage;  // as the audit trail calls it: the command
  model::Caller by = {};
  bool dry_run = false;        // say what would be done
  bool repair = false;         // make the view anew though nothing in it would change
  bool repair_values = false;  // and the values
  // What is to become of the container's exceptions. Those in force count in any case, and those
  // that have run out are dropped.
  const ExceptionOrder* exceptions = nullptr;
  // And nothing else, whatever the policies say by now.
  bool exceptions_alone = false;
  // Why there are none to judge by: then what is taken away is, and nothing is given.
  std::optional<Error> no_policies = {};
  // Nobody has asked for it: only what it follows may make a view another one, or a policy that
  // says `onChange: apply`.
  bool automatic = false;
  // What is done where policies, and not what is followed, would take the last grant of a view, and
  // do not say `onChange: apply-always`.
  enum class LastGrant {
    kTake,
    kHold,  // nothing yet: so many may lose all that they have that somebody should look first
    kKeep,  // it is refused
  };
  LastGrant last_grant = LastGrant::kTake;
};

struct Swapped {
  enum class Outcome {
    kUnchanged,  // its view is what the policies say
    kChanged,    // or would be, of a dry run
    kDiffers,    // it is not what the policies say, and they want that to be reported only
    kHeld,       // as LastGrant::kHold says
    kRefused,    // it would not start now, or the exception may not be: its view stays
    kFailed,     // its view stays
    kEnded,      // its process has ended
  };
  Outcome outcome = Outcome::kUnchanged;
  model::Record before;  // as it was found
  model::Record record;  // as it is now
  Changes changes;
  bool is_of_policy = false;   // the policies are others, and not only what is followed
  std::optional<Error> error;  // why it was refused or failed
};
// "unchanged", "changed", …
const char* name_of(Swapped::Outcome outcome);

// `file`: the record's, of record::Store::files(). `policies`: in the order of their files. Needs
// root; this process must have one thread. Changes the working directory. Errors are of the state
// directory and of a record that cannot be read, with ENOENT if there is none any more.
//
// Where exceptions are made, undone or have run out, and each of these takes something away, the
// container gets a view with less even if it would not start now: then nothing is added to it.
Result<Swapped> swap_view(const std::vector<model::Policy>& policies,
                          const model::Features& features, const std::string& file,
                          const SwapOrder& order);

// The user who runs this program.
model::Caller this_caller();

}  // namespace pinscope
