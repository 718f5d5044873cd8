#include "plugin/daemon/subject.h"

#include <algorithm>

#include "plugin/base/text.h"

namespace pinscope::daemon {

model::Container subject_of(const nri::PodSandbox& pod, const nri::Container& container,
                            model::Engine engine, const std::vector<std::string>& label_keys) {
  model::Container subject;
  subject.id = container.id();
  subject.engine = engine;
  const std::string by = std::string(" of NRI, told by ") + model::engine_name(engine);
  const auto fact = [&](const std::string& value, const char* field) {
    return model::Fact{value, field + by};
  };
  subject.identity.kubernetes_namespace = fact(pod.namespace_(), "pod namespace");
  subject.identity.kubernetes_pod = fact(pod.name(), "pod name");
  subject.identity.kubernetes_uid = fact(pod.uid(), "pod uid");
  subject.identity.kubernetes_container = fact(container.name(), "container name");
  for (const std::string& key : label_keys)
    if (const auto label = pod.labels().find(key); label != pod.labels().end())
      subject.identity.kubernetes_labels.emplace_back(key, fact(label->second, "pod label"));
  return subject;
}

bool asks_what_is_told(const model::Policy& policy) {
  const auto asks = [](const model::Select& select) {
    return select.images.empty() && select.bundles.empty() && select.uids.empty() &&
           select.gids.empty() && select.annotations.empty() && select.namespaces.empty();
  };
  return asks(policy.select) &&
         std::ranges::all_of(policy.exclusions, asks, &model::Exclusion::matching);
}

std::string name_of(const nri::PodSandbox& pod, const nri::Container& container) {
  return "container " + quoted(container.name()) + " of pod " +
         quoted(pod.namespace_() + "/" + pod.name());
}

}  // namespace pinscope::daemon
