// Whether the views of containers that run follow their sources and policies, and exceptions end in
// time.
#pragma once

#include <string>
#include <vector>

#include "plugin/inventory/follow_service.h"
#include "plugin/model/finding.h"
#include "plugin/model/policy.h"
#include "plugin/model/record.h"

namespace pinscope::health {

// Who is to be followed, by name.
struct Followed {
  std::vector<std::string> policies = {};     // that have something to follow
  std::vector<std::string> containers = {};   // that run, and whose records do
  std::vector<std::string> with_an_end = {};  // that run, and have an exception that ends
  bool are_exceptions_undone = false;         // by the timer that does that alone
};

// `records`: of what runs.
Followed followed_by(const std::vector<model::Policy>& policies,
                     const std::vector<model::Record>& records);

model::Findings judge_follow(const inventory::FollowService& found, const Followed& followed);

// Nothing where nobody followed, and nothing asks for it.
model::Findings check_follow(const std::string& state_directory, const std::string& policy_path);

}  // namespace pinscope::health
