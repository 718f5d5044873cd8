// What is doubtful with a set of policies although each of them is right.
#pragma once

#include <string>
#include <vector>

#include "plugin/model/host_pins.h"
#include "plugin/policy/language/load.h"
#include "plugin/policy/language/set_budget.h"

namespace pinscope::policy {

// Descriptors travel: what one policy lets a container read, a container of another one writes if
// it may load programs or pin. One warning for each policy that lets it, in the order of
// `policies`.
std::vector<Diagnostic> warn_of_travel(const std::vector<model::Policy>& policies);

// How the containers of one policy have to do with those of another one.
enum class Meeting {
  kNever,
  kByCoincidence,  // they select by different keys
  kSometimes,
  kAlways,  // the other one selects all of them
};
Meeting meeting(const model::Policy& policy, const model::Policy& other, SetBudget& budget);
// A coincidence is worth a note.
Diagnostic::Severity severity_of(Meeting meeting);

// Two policies that may select one container disagree, so that it does not start. In
// check_conflicts.cc.
std::vector<Diagnostic> warn_of_conflicts(const std::vector<model::Policy>& policies,
                                          SetBudget& budget);

// Grants that a denial takes away from each container that gets them. In check_denied.cc.
std::vector<Diagnostic> warn_of_denied_grants(const std::vector<model::Policy>& policies,
                                              SetBudget& budget);

// A policy says hostBpffs: allow, and a stricter one selects the same containers. In
// check_host_bpffs.cc.
std::vector<Diagnostic> warn_of_overruled(const std::vector<model::Policy>& policies,
                                          SetBudget& budget);

// Of a set on the machine that it is for: notes of grants whose pin is not there, and warnings of
// those that name a directory. Pins that are below none of the mount points in `bpffs` are left to
// warn_of_no_bpffs(), and those that may be missing to their author. In check_missing.cc.
std::vector<Diagnostic> look_for_pins(const std::vector<model::Policy>& policies,
                                      const std::vector<std::string>& bpffs,
                                      const model::LookAtPin& look);

// Adds everything that is doubtful with the set as such.
void check_set(Loaded& loaded);

// Puts `more` among those of the same file, by their place; behind all where the file has none.
void insert_by_place(std::vector<Diagnostic>& diagnostics, std::vector<Diagnostic> more);

}  // namespace pinscope::policy
