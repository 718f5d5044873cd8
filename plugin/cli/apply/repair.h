// What `pinscope apply` and `pinscope drift --repair` do alike.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/cli/apply/text.h"
#include "plugin/cli/explain/next_policies.h"
#include "plugin/cli/term/command.h"
#include "plugin/pipeline/change/swap.h"

namespace pinscope::cli {

// The policies of the files. kPolicyInvalid if they do not compile, whatever set is in force.
Result<NextPolicies> policies_to_apply(const Settings& settings);

// The records' files of containers that run; of those with these ids, if any are given.
struct RecordFiles {
  std::vector<std::string> names;
  std::vector<Error> unreadable;
};
Result<RecordFiles> files_of_running(const Settings& settings, const std::vector<std::string>& ids);
// Of the container that somebody calls so. kRecord: it has none, or does not run.
Result<RecordFiles> files_of_container(const Settings& settings, const std::string& name);

// Swaps the view of each, or says what would be done.
Result<Application> apply_to(const RecordFiles& files, const std::vector<model::Policy>& policies,
                             const SwapOrder& order);

}  // namespace pinscope::cli
