#include "plugin/daemon/subject.h"

#include "plugin/base/text.h"

namespace pinscope::daemon {

model::Container subject_of(const nri::Pod& pod, const nri::Container& container,
                            model::Engine engine) {
  model::Container subject;
  subject.id = container.id;
  subject.engine = engine;
  const std::string by = std::string(" of NRI, told by ") + model::engine_name(engine);
  const auto fact = [&](const std::string& value, const char* field) {
    return model::Fact{value, field + by};
  };
  subject.identity.kubernetes_namespace = fact(pod.namespace_name, "pod namespace");
  subject.identity.kubernetes_pod = fact(pod.name, "pod name");
  subject.identity.kubernetes_uid = fact(pod.uid, "pod uid");
  subject.identity.kubernetes_container = fact(container.name, "container name");
  return subject;
}

std::string name_of(const nri::Pod& pod, const nri::Container& container) {
  return "container " + quoted(container.name) + " of pod " +
         quoted(pod.namespace_name + "/" + pod.name);
}

}  // namespace pinscope::daemon
