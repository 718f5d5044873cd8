#include "plugin/inventory/serving.h"

#include <algorithm>
#include <optional>

namespace pinscope::inventory {

ServingState serving_of(const ValuesService& found, const std::string& id) {
  if (!found.status) return found.has_holder ? ServingState::kWaiting : ServingState::kLost;
  const auto lease = std::ranges::find(found.status->leases, id, &model::ServedValues::container);
  // One that has just started is with the holder, and comes to the service when there is one.
  if (lease == found.status->leases.end())
    return found.status->state == model::ValuesState::kServing ? ServingState::kLost
                                                               : ServingState::kWaiting;
  if (lease->set_aside) return ServingState::kLost;
  return found.status->state == model::ValuesState::kStarting ? ServingState::kWaiting
                                                              : ServingState::kServed;
}

void look_at_serving(const std::string& state_directory, std::span<const model::Record> records,
                     std::span<Live> lives) {
  std::optional<Result<ValuesService>> found;
  for (size_t i = 0; i < records.size(); ++i) {
    Live& live = lives[i];
    if (!records[i].given.values_at || live.view != ViewState::kPresent) continue;
    if (!found) found = look_at_values(state_directory);
    if (*found) live.serving = serving_of(**found, records[i].given.id);
  }
}

}  // namespace pinscope::inventory
