// What is doubtful with `exclude`: items that exclude nobody or everybody, and items by whose keys
// whoever starts a container decides whether the policy is for it.
#include <algorithm>

#include "plugin/policy/language/check.h"
#include "plugin/policy/language/check_select.h"
#include "plugin/policy/language/overlap.h"

namespace pinscope::policy {
namespace {

using model::Engine;

// Keys whose values whoever starts the container, or creates the pod, does not choose.
bool has_key_that_nobody_chooses(const model::Select& item, const std::vector<Engine>& engines) {
  return says_something(item.kubernetes_namespaces) || says_something(item.bundles) ||
         (are_of_sessions(engines) && !(item.uids.empty() && item.gids.empty()));
}

std::vector<std::string> chosen_keys(const model::Select& item, const SelectMarks& marks) {
  std::vector<std::string> keys;
  if (!item.kubernetes_pods.empty()) keys.emplace_back("pod names");
  if (!item.kubernetes_containers.empty()) keys.emplace_back("container names");
  if (marks.labels) keys.emplace_back("pod labels");
  if (marks.image) keys.emplace_back("image");
  if (marks.user) keys.emplace_back("user");
  if (marks.namespaces) keys.emplace_back("namespaces");
  if (marks.annotations) keys.emplace_back("annotations");
  return keys;
}

void warn_of_item(const model::Select& select, const model::Select& item, const SelectMarks& marks,
                  Reporter& reporter) {
  if (covers(item, select)) {
    reporter.warning(marks.at, "this item excludes every container that the policy selects",
                     "the policy does nothing");
    return;
  }
  const auto& engines = item.engines.empty() ? select.engines : item.engines;
  if (!warn_of_keys_that_never_match(marks, engines, reporter) && are_disjoint(item, select))
    reporter.warning(marks.at,
                     "this item excludes no container: \"select\" already leaves them out",
                     "remove the item, or mend it");
  const auto chosen = chosen_keys(item, marks);
  if (chosen.empty() || has_key_that_nobody_chooses(item, engines)) return;
  reporter.warning(marks.at, "this item excludes by " + all_of(chosen) + " alone",
                   "whoever starts a container chooses them, and with them whether this policy is "
                   "for it; add kubernetes.namespace or bundle");
}

}  // namespace

void warn_of_exclude(const PolicyDraft& draft, Reporter& reporter) {
  const auto& exclusions = draft.policy.exclusions;
  for (size_t i = 0; i < exclusions.size() && !reporter.full(); ++i)
    warn_of_item(draft.policy.select, exclusions[i].matching, draft.exclusion_marks[i], reporter);
}

}  // namespace pinscope::policy
