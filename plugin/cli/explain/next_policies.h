// The policies that the next start would use, for commands that say what it would come to.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/cli/term/command.h"
#include "plugin/model/policy.h"
#include "plugin/policy/language/load.h"

namespace pinscope::cli {

struct NextPolicies {
  std::vector<model::Policy> policies;
  // What is wrong with the files, if they are not what counts.
  std::vector<policy::Diagnostic> diagnostics = {};
  bool last_good = false;  // `policies` are those of the set in force
};

// For people: that the files are not in force, and the first reason. Empty if they are.
std::string last_good_note(const NextPolicies& next);

// Those of the files, if they have no errors and can come into force; otherwise those of the set in
// force. kPolicyUnavailable: there is none.
Result<NextPolicies> read_next_policies(const Settings& settings);

}  // namespace pinscope::cli
