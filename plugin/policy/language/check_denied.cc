// Grants that nobody ever gets, because a denial takes them away from each container that the
// grant's policy selects.
#include <optional>
#include <string_view>
#include <unordered_map>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/policy/glob.h"
#include "plugin/policy/language/check_places.h"
#include "plugin/policy/language/check_set.h"
#include "plugin/policy/language/limits.h"

namespace pinscope::policy {
namespace {

using model::Deny;
using model::Grant;
using model::Policy;

struct Denial {
  const Policy* policy = nullptr;
  const Deny* deny = nullptr;
};

class DenialCheck {
 public:
  DenialCheck(const std::vector<Policy>& policies, SetBudget& budget) : budget_(budget) {
    for (const Policy& policy : policies)
      for (const Deny& deny : policy.denials)
        by_start_[literal_prefix(deny.pin)].push_back({&policy, &deny});
  }

  // The first that is found, if there is one.
  std::optional<Denial> that_always_denies(const Policy& policy, const Grant& grant) {
    // What covers a grant starts at its path or above it.
    const std::string start = literal_prefix(grant.pin);
    for (std::string_view above = start;; above = parent_of(above)) {
      if (const auto found = by_start_.find(std::string(above)); found != by_start_.end())
        for (const Denial& denial : found->second) {
          if (!budget_.spend(1)) return std::nullopt;
          if (denies_all_of(denial.deny->pin, grant.pin) &&
              (denial.policy == &policy ||
               meeting(policy, *denial.policy, budget_) == Meeting::kAlways))
            return denial;
        }
      if (above == "/") return std::nullopt;
    }
  }

 private:
  SetBudget& budget_;
  std::unordered_map<std::string, std::vector<Denial>> by_start_;
};

Diagnostic denied(const Policy& policy, const Grant& grant, const Denial& denial) {
  const std::string denies = "denies " + quoted(denial.deny->pin);
  const std::string place = to_string(denial.deny->place);
  if (denial.policy == &policy)
    return warning_at(grant.place,
                      "nobody gets this grant: its own policy " + denies + " at " + place,
                      "leave out one of the two");
  return warning_at(grant.place,
                    "nobody gets this grant: policy " + quoted(denial.policy->name) + " at " +
                        place + " " + denies + " to all containers of this policy",
                    "leave out one of the two, or let that policy exclude these containers");
}

}  // namespace

std::vector<Diagnostic> warn_of_denied_grants(const std::vector<Policy>& policies,
                                              SetBudget& budget) {
  std::vector<Diagnostic> warnings;
  DenialCheck check(policies, budget);
  for (const Policy& policy : policies)
    for (const Grant& grant : policy.grants) {
      if (warnings.size() == kMaxDiagnostics || budget.is_spent()) return warnings;
      if (const auto denial = check.that_always_denies(policy, grant))
        warnings.push_back(denied(policy, grant, *denial));
    }
  return warnings;
}

}  // namespace pinscope::policy
