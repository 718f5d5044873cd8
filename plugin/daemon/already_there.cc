#include "plugin/daemon/already_there.h"

#include <unistd.h>

#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/daemon/subject.h"
#include "plugin/policy/decide/may_select.h"
#include "plugin/record/store.h"

namespace pinscope::daemon {
namespace {

constexpr size_t kMaxReported = 50;  // containers

bool was_asked_about(const nri::Container& container, const Evidence& evidence) {
  return (evidence.recorded && evidence.recorded->contains(container.id())) ||
         std::ranges::any_of(container.hooks().create_runtime(), [&](const nri::Hook& hook) {
           return hook.path() == evidence.hook_path;
         });
}

}  // namespace

std::optional<std::set<std::string>> recorded_ids(const std::string& state_directory,
                                                  model::Engine engine) {
  if (::access(state_directory.c_str(), F_OK) != 0) return std::nullopt;
  std::set<std::string> ids;
  const auto store = record::Store::open(state_directory, false);
  const auto all = store ? store->all() : std::unexpected(store.error());
  if (!all) return ids;
  for (const auto& record : all->records)
    if (record.given.engine == engine) ids.insert(record.given.id);
  return ids;
}

std::vector<std::string> without_view(const AlreadyThere& there, model::Engine engine,
                                      const std::vector<model::Policy>& policies,
                                      const Evidence& evidence) {
  std::vector<std::string> lines;
  size_t count = 0;
  const std::string runs = evidence.recorded ? " runs" : " may run";
  const std::string because =
      evidence.recorded ? ", and nobody asked Pinscope when it was created; create it again"
                        : ", and the records of containers with a view are not in sight";
  const auto label_keys = policy::label_keys(policies);
  for (const nri::Container& container : there.containers) {
    const auto pod = there.pods.find(container.pod_sandbox_id());
    if (pod == there.pods.end() || was_asked_about(container, evidence)) continue;
    const auto subject = subject_of(pod->second, container, engine, label_keys);
    const model::Policy* selecting = nullptr;
    bool is_certain = false;
    for (const model::Policy& policy : policies) {
      if (is_certain || !policy::may_select(policy, subject, {})) continue;
      is_certain = asks_what_is_told(policy);
      if (is_certain || selecting == nullptr) selecting = &policy;
    }
    if (selecting == nullptr || (!is_certain && !evidence.hooks_are_expected)) continue;
    if (++count > kMaxReported) continue;
    lines.push_back(name_of(pod->second, container) + runs + " without a view: policy " +
                    quoted(selecting->name) + (is_certain ? " selects" : " may select") + " it" +
                    because);
  }
  if (count > kMaxReported)
    lines.push_back("and " + std::to_string(count - kMaxReported) +
                    (evidence.recorded ? " more containers run" : " more containers may run") +
                    " without a view");
  return lines;
}

}  // namespace pinscope::daemon
