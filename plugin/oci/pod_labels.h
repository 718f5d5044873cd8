// Labels of the container's pod. No runtime passes them on: they are told by whoever wired the
// hook, in the hook's own arguments, and never read from annotations.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"

namespace pinscope::oci {

using PodLabels = std::vector<std::pair<std::string, std::string>>;  // key, value

inline constexpr size_t kMaxPodLabels = 256;

// Adds "KEY=VALUE", as the option --pod-label has it. kUsage: no such text, a key or value that
// Kubernetes would not allow for its length, a key that is there already, too many labels.
Status add_pod_label(PodLabels& labels, std::string_view text);

std::vector<std::pair<std::string, model::Fact>> facts_of(const PodLabels& labels);

}  // namespace pinscope::oci
