#include "plugin/inventory/follow_service.h"

#include <utility>

namespace pinscope::inventory {
namespace {

constexpr size_t kLongest = size_t{64} << 10;  // bytes; its numbers are some hundred

}  // namespace

Result<FollowService> look_at_follow(const std::string& state_directory,
                                     std::chrono::milliseconds time) {
  const std::string path = model::follow_status_path(state_directory);
  FollowService found{.is_set_up = was_there(path)};
  if (!found.is_set_up) return found;
  auto asked = ask_service(path, kLongest, time);
  found.listens = asked.listens;
  if (!asked.text) return found;
  PINSCOPE_TRY(found.status, model::follow_status_from_json(*std::move(asked.text)));
  return found;
}

}  // namespace pinscope::inventory
