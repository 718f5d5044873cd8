#include "plugin/oci/pod_labels.h"

#include <algorithm>

#include "plugin/base/text.h"

namespace pinscope::oci {

Status add_pod_label(PodLabels& labels, std::string_view text) {
  constexpr size_t kShown = 80;
  const auto refuse = [&](std::string reason) {
    return std::unexpected(
        Error(ErrorCode::kUsage, "use the pod label " + quoted(text.substr(0, kShown)))
            .reason(std::move(reason)));
  };
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return refuse("it is no KEY=VALUE");
  const std::string_view key = text.substr(0, equals);
  const std::string_view value = text.substr(equals + 1);
  if (key.size() > model::kLongestLabelKey || value.size() > model::kLongestLabelValue)
    return refuse("it is longer than Kubernetes allows");
  if (std::ranges::find(labels, key, &PodLabels::value_type::first) != labels.end())
    return refuse("its key appears twice");
  if (labels.size() == kMaxPodLabels)
    return refuse("there are more than " + std::to_string(kMaxPodLabels));
  labels.emplace_back(key, value);
  return {};
}

std::vector<std::pair<std::string, model::Fact>> facts_of(const PodLabels& labels) {
  std::vector<std::pair<std::string, model::Fact>> facts;
  facts.reserve(labels.size());
  for (const auto& [key, value] : labels)
    facts.emplace_back(key, model::Fact{value, "the hook's --pod-label option"});
  return facts;
}

}  // namespace pinscope::oci
