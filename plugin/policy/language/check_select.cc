// What is doubtful with `select`: keys that cannot match, and keys that say nothing about who gets
// the grants, because whoever starts a container chooses their values.
#include <algorithm>
#include <optional>

#include "plugin/base/text.h"
#include "plugin/policy/glob.h"
#include "plugin/policy/language/check.h"
#include "plugin/policy/language/check_select.h"

namespace pinscope::policy {
namespace {

using model::Engine;

bool speaks_to_the_kubelet(Engine engine) {
  return engine == Engine::kContainerd || engine == Engine::kCrio;
}

// Whether a container of these engines may be started by somebody whom nobody is above, who sees to
// what is asked for. The engine "host" are sessions, whose user the host has logged in.
bool may_be_anybodys(const std::vector<Engine>& engines) {
  return engines.empty() || std::ranges::any_of(engines, [](Engine engine) {
           return !speaks_to_the_kubelet(engine) && engine != Engine::kHost;
         });
}

// Keys whose values somebody else vouches for.
bool has_key_of_an_authority(const PolicyDraft& draft) {
  const model::Select& select = draft.policy.select;
  return says_something(select.kubernetes_namespaces) || says_something(select.kubernetes_pods) ||
         says_something(select.kubernetes_containers) || says_something(select.images) ||
         says_something(select.bundles);
}

// Everybody, or everybody of an engine, may write whatever is pinned below a directory.
void warn_of_everyone(const PolicyDraft& draft, Reporter& reporter) {
  if (draft.select.user || draft.select.namespaces || draft.select.labels ||
      draft.select.annotations || has_key_of_an_authority(draft))
    return;
  const auto& grants = draft.policy.grants;
  for (size_t i = 0; i < grants.size() && !reporter.full(); ++i) {
    if (grants[i].access == model::Access::kRead || !grants[i].pin.ends_with("/**")) continue;
    reporter.warning(draft.grant_marks[i].pin,
                     std::string("this policy selects every container") +
                         (draft.policy.exclusions.empty() ? "" : " but those that it excludes") +
                         " and gives each of them everything that is pinned below " +
                         quoted(literal_prefix(grants[i].pin)) +
                         " with access: " + model::name_of(grants[i].access),
                     "select the containers that need it, or name the pins");
  }
}

// Pods have whoever admits them above them, who sees to their namespaces; what Podman and Docker
// start has nobody.
void warn_of_what_is_chosen(const PolicyDraft& draft, Reporter& reporter) {
  const model::Policy& policy = draft.policy;
  const bool is_anybodys = may_be_anybodys(policy.select.engines);
  if (!is_anybodys && !draft.select.user) return;
  const bool gives = !policy.grants.empty() || policy.delegate;
  if (!gives || (!draft.select.user && !draft.select.namespaces)) return;
  const auto& engines = policy.select.engines;
  const bool in_a_cluster = engines.empty() || std::ranges::any_of(engines, speaks_to_the_kubelet);
  std::vector<std::string> keys;
  if (draft.select.user) keys.emplace_back("user");
  if (draft.select.namespaces) keys.emplace_back("namespaces");
  if (draft.select.labels) keys.emplace_back("pod labels");
  if (draft.select.annotations) keys.emplace_back("annotations");
  reporter.warning(
      draft.select.user ? *draft.select.user : *draft.select.namespaces,
      "this policy selects by " + all_of(keys) + " alone",
      (is_anybodys ? "whoever starts a container with Podman, Docker or ctr "
                     "chooses them: anyone who may do that can get these grants; " +
                         std::string(in_a_cluster ? "in a cluster, name kubernetes.namespace"
                                                  : "add bundle")
                   : "whoever creates a pod chooses them: anyone who may do that "
                     "can get these grants; name kubernetes.namespace") +
          (draft.select.user || !in_a_cluster ? "" : " or engine: [containerd, crio]"));
}

}  // namespace

bool warn_of_keys_that_never_match(const SelectMarks& marks, const std::vector<Engine>& engines,
                                   Reporter& reporter) {
  // Only engines that speak the kubelet's protocol say which pod and image a container is of.
  if (engines.empty() || std::ranges::any_of(engines, speaks_to_the_kubelet)) return false;
  bool never_matches = false;
  const auto look = [&](const std::optional<Position>& key, const char* name, const char* hint) {
    if (!key) return;
    never_matches = true;
    reporter.warning(*key, quoted(name) + " never matches with the engines of this policy", hint);
  };
  constexpr const char* kOfPods = "only containerd and crio establish it";
  look(marks.kubernetes, "kubernetes", kOfPods);
  look(marks.image, "image", kOfPods);
  if (!are_of_sessions(engines)) return never_matches;
  constexpr const char* kOfContainers = "sessions of the host have none";
  look(marks.annotations, "annotations", kOfContainers);
  look(marks.bundle, "bundle", kOfContainers);
  return never_matches;
}

bool are_of_sessions(const std::vector<Engine>& engines) {
  return !engines.empty() &&
         std::ranges::all_of(engines, [](Engine engine) { return engine == Engine::kHost; });
}

bool says_something(const std::vector<model::Pattern>& patterns) {
  const auto matches_all = [](const model::Pattern& pattern) {
    return pattern.find_first_not_of("*/") == std::string::npos;
  };
  return !patterns.empty() && std::ranges::none_of(patterns, matches_all);
}

std::string all_of(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  return text;
}

void warn_of_select(const PolicyDraft& draft, Reporter& reporter) {
  warn_of_keys_that_never_match(draft.select, draft.policy.select.engines, reporter);
  warn_of_everyone(draft, reporter);
  if (has_key_of_an_authority(draft) || are_of_sessions(draft.policy.select.engines)) return;
  if (draft.select.user || draft.select.namespaces) {
    warn_of_what_is_chosen(draft, reporter);
    return;
  }
  if (draft.select.labels)
    reporter.warning(*draft.select.labels,
                     draft.select.annotations
                         ? "this policy selects by pod labels and annotations alone"
                         : "this policy selects by pod labels alone",
                     "whoever creates a pod sets its labels: anyone can get these grants");
  else if (draft.select.annotations)
    reporter.warning(
        *draft.select.annotations, "this policy selects by annotations alone",
        "whoever starts a container sets its annotations: anyone can get these grants");
}

}  // namespace pinscope::policy
