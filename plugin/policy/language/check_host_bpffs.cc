// What is doubtful with `hostBpffs: allow` beside policies that say something stricter.
#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/policy/language/candidates.h"
#include "plugin/policy/language/check_set.h"
#include "plugin/policy/language/limits.h"

namespace pinscope::policy {
namespace {

using model::HostBpffs;
using model::Policy;

// The policy that is stricter than another one and has most to do with its containers.
struct Stricter {
  const Policy* policy = nullptr;  // none
  Meeting meeting = Meeting::kNever;
};

Stricter stricter_than(const Policy& policy, const std::vector<const Policy*>& strict,
                       const std::vector<uint32_t>& candidates, SetBudget& budget) {
  Stricter found;
  for (const uint32_t position : candidates) {
    const Policy& other = *strict[position];
    const Meeting how = meeting(policy, other, budget);
    if (how > found.meeting) found = {&other, how};
    if (how == Meeting::kAlways || budget.is_spent()) break;
  }
  return found;
}

Diagnostic overruled(const Policy& policy, const Stricter& by) {
  return diagnostic_at(
      severity_of(by.meeting), policy.place,
      std::string("hostBpffs: allow is overruled") +
          (by.meeting == Meeting::kAlways ? "" : " for containers that both select") + ": policy " +
          quoted(by.policy->name) + " at " + to_string(by.policy->place) + " says " +
          name_of(*by.policy->view.host_bpffs),
      "the strictest value holds: let that policy exclude the containers of this one, or leave "
      "hostBpffs out here");
}

}  // namespace

std::vector<Diagnostic> warn_of_overruled(const std::vector<Policy>& policies, SetBudget& budget) {
  std::vector<const Policy*> strict;
  for (const Policy& policy : policies)
    if (policy.view.host_bpffs.value_or(HostBpffs::kAllow) != HostBpffs::kAllow)
      strict.push_back(&policy);
  const Candidates candidates(strict);
  std::vector<Diagnostic> warnings;
  for (const Policy& policy : policies) {
    if (policy.view.host_bpffs != HostBpffs::kAllow) continue;
    if (warnings.size() == kMaxDiagnostics || budget.is_spent()) break;
    const Stricter by = stricter_than(policy, strict, candidates.of(policy), budget);
    if (by.policy != nullptr) warnings.push_back(overruled(policy, by));
  }
  return warnings;
}

}  // namespace pinscope::policy
