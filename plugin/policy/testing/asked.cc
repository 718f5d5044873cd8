// What policies and a test know of each other before anything is expected: who selects a subject,
// and what of it cannot be said.
#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/policy/glob.h"
#include "plugin/policy/testing/run.h"

namespace pinscope::policy {

using model::Policy;
using Selection = Judgement::Selection;

namespace {

model::Rule rule_of(const Policy& policy) {
  return {policy.name, policy.place};
}

}  // namespace

std::vector<model::Policy> selecting(const TestSubject& subject,
                                     const std::vector<model::Policy>& policies,
                                     const HostView& host, std::vector<Undecided>& depends) {
  std::vector<model::Policy> selected;
  for (const auto& policy : policies) {
    const auto judgement = judge(policy, subject.container, subject.told, host);
    if (judgement.selection == Selection::kSelects) selected.push_back(policy);
    if (judgement.selection == Selection::kDepends)
      depends.push_back({rule_of(policy), judgement.why});
  }
  return selected;
}

std::vector<Undecided> undecided_globs(const PolicyTest& test,
                                       const std::vector<model::Policy>& policies) {
  std::vector<Undecided> globs;
  if (test.pins) return globs;
  for (const auto& policy : policies)
    for (const auto& grant : policy.grants)
      if (is_glob(grant.pin))
        globs.push_back({{policy.name, grant.place},
                         "what " + quoted(grant.pin) +
                             " matches depends on the pins of the machine, which the test does "
                             "not list in \"pins\""});
  return globs;
}

HostView host_of(const PolicyTest& test) {
  HostView host;
  host.same_namespace = [](const model::Container& container, model::NamespaceKind kind,
                           const std::string& path) {
    const auto& configured = namespace_of(container, kind);
    return configured.mode == model::Namespace::Mode::kPath && configured.path == path;
  };
  host.pins_matching = [&test](const model::Pattern& glob) -> Result<model::MatchingPins> {
    model::MatchingPins found;
    if (!test.pins) return found;
    for (const auto& pin : *test.pins)
      if (glob_matches(glob, pin)) found.pins.push_back(pin);
    std::ranges::sort(found.pins);
    return found;
  };
  host.programs_reach_machine = [] { return false; };
  return host;
}

}  // namespace pinscope::policy
