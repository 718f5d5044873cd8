// What is wrong or doubtful with `view.values`, and with what grants say of their values.
#include <algorithm>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/policy/decide/showing.h"
#include "plugin/policy/glob.h"
#include "plugin/policy/language/check.h"
#include "plugin/policy/language/check_places.h"

namespace pinscope::policy {
namespace {

using model::Grant;
using model::ValuesMode;

void check_what_is_shown(const Grant& grant, const GrantMarks& marks, ValuesMode mode,
                         Reporter& reporter) {
  const Position at = marks.values.value_or(marks.access);
  const char* what = grant.access == model::Access::kUse ? "program"
                     : grant.expect.kind                 ? model::name_of(*grant.expect.kind)
                                                         : "map";
  if (is_no_map(grant)) {
    if (mode == ValuesMode::kOnly && marks.values)
      reporter.error(
          at, std::string("values: only gives nothing of a ") + what + ", which has no values",
          "leave the key out, or say values: none for it to be pinned");
    else if (mode == ValuesMode::kOnly)
      reporter.error(
          at, std::string("view.values: only gives nothing of a ") + what + ", which has no values",
          "say values: none in the grant for it to be pinned");
    else if (grant.values == ValuesMode::kAlso)
      reporter.error(at, std::string("a ") + what + " has no values", "leave the key out");
    return;
  }
  if (mode == ValuesMode::kOnly && grant.access == model::Access::kReadWrite)
    reporter.error(marks.access, "access: read-write cannot be given by values, which are read",
                   marks.values
                       ? "leave one of the two out, or say values: also for a pin beside them"
                       : "leave it out, or say values: also for a pin beside them");
}

void check_grants(const PolicyDraft& draft, Reporter& reporter) {
  for (size_t i = 0; i < draft.policy.grants.size() && !reporter.full(); ++i) {
    const Grant& grant = draft.policy.grants[i];
    const GrantMarks& marks = draft.grant_marks[i];
    if (marks.values && !draft.values) {
      reporter.error(*marks.values, "\"values\" has no effect: the policy has no view.values",
                     "write in \"spec\": view: {values: also}");
      continue;
    }
    if (draft.values && marks.access_known)
      check_what_is_shown(grant, marks, certain_values_mode(draft.policy, grant), reporter);
  }
}

bool has_pins(const model::Policy& policy) {
  return std::ranges::any_of(policy.grants, [&](const Grant& grant) {
    return certain_values_mode(policy, grant) != ValuesMode::kOnly;
  });
}

// As decide() refuses it, at the place that says so.
void check_place(const PolicyDraft& draft, Reporter& reporter) {
  const auto& policy = draft.policy;
  if (!draft.values || policy.grants.empty() || !policy.view.values) return;
  const std::string at = policy.view.values->at.value_or(model::kDefaultValuesAt);
  const auto check = [&](const char* what, const std::string& place) {
    if (!is_at_or_below(at, place) && !is_at_or_below(place, at)) return false;
    reporter.error(draft.values->place.value_or(draft.values->at),
                   "values cannot be at " + quoted(at) + ": " + what + " is at " + quoted(place),
                   draft.values->place ? "show them beside it"
                                       : "say where with values: {at: ...}, or move the view");
    return true;
  };
  const bool pins = has_pins(policy);
  if ((pins || policy.delegate) &&
      check("the view", policy.view.at.value_or(model::kDefaultViewAt)))
    return;
  if (pins && policy.delegate)
    check("what is granted beside \"delegate\"",
          policy.delegate->grants_at.value_or(model::kDefaultGrantsAt));
}

// Whether a grant of the policy may have a name that `pattern` matches.
bool may_name_a_grant(const model::Pattern& pattern, const std::vector<Grant>& grants) {
  return std::ranges::any_of(grants, [&](const Grant& grant) {
    return is_glob(grant.pin) || glob_matches(pattern, grant.as);
  });
}

}  // namespace

void check_values(const PolicyDraft& draft, Reporter& reporter) {
  check_grants(draft, reporter);
  check_place(draft, reporter);
}

void warn_of_values(const PolicyDraft& draft, Reporter& reporter) {
  if (!draft.values) return;
  const auto& policy = draft.policy;
  if (policy.grants.empty()) {
    reporter.warning(draft.values->at, "view.values shows nothing: the policy grants nothing",
                     "it is about the grants of its own policy");
    return;
  }
  const auto& names = policy.view.values->grants;
  for (size_t i = 0; i < names.size(); ++i)
    if (!may_name_a_grant(names[i], policy.grants))
      reporter.warning(draft.values->grants[i],
                       "no grant of this policy is called " + quoted(names[i]),
                       "names are those in the view: \"as\", or the last component of the pin");
}

}  // namespace pinscope::policy
