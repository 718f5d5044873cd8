// Pods and containers of NRI in our words: who a container is, as far as the engine tells before
// its configuration is complete.
#pragma once

#include <string>
#include <vector>

#include "plugin/model/container.h"
#include "plugin/model/policy.h"
#include "plugin/nri/nri.pb.h"

namespace pinscope::daemon {

// The id and the identity that the engine gives in fields of its own, with those labels of the pod
// that are asked for. What is not known yet, such as the user and the image, stays empty;
// annotations are not looked at.
model::Container subject_of(const nri::PodSandbox& pod, const nri::Container& container,
                            model::Engine engine, const std::vector<std::string>& label_keys);

// Whether `select` and `exclude` ask for nothing that such a subject lacks: then
// policy::may_select() says for certain whether the policy selects.
bool asks_what_is_told(const model::Policy& policy);

// For people: container "app" of pod "web/web-1".
std::string name_of(const nri::PodSandbox& pod, const nri::Container& container);

}  // namespace pinscope::daemon
