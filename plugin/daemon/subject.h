// Pods and containers of NRI in our words: who a container is, as far as the engine tells before
// its configuration is complete.
#pragma once

#include <string>

#include "plugin/model/container.h"
#include "plugin/nri/types.h"

namespace pinscope::daemon {

// The id and the identity that the engine gives in fields of its own. What is not known yet, such
// as the user and the image, stays empty; annotations and labels are not looked at.
model::Container subject_of(const nri::Pod& pod, const nri::Container& container,
                            model::Engine engine);

// For people: container "app" of pod "web/web-1".
std::string name_of(const nri::Pod& pod, const nri::Container& container);

}  // namespace pinscope::daemon
