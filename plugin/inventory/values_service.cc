#include "plugin/inventory/values_service.h"

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "plugin/host/unix_socket.h"
#include "plugin/inventory/service_status.h"

namespace pinscope::inventory {
namespace {

constexpr std::chrono::milliseconds kTimeToConnect{500};
constexpr size_t kLongest = size_t{8} << 20;  // bytes

}  // namespace

Result<ValuesService> look_at_values(const std::string& state_directory) {
  ValuesService found;
  const std::string holder = model::values_holder_path(state_directory);
  const std::string service = model::values_status_path(state_directory);
  found.is_set_up = was_there(holder) || was_there(service);
  if (!found.is_set_up) return found;
  found.has_holder = connect_to_socket(holder, SOCK_SEQPACKET, kTimeToConnect).has_value();
  auto asked = ask_service(service, kLongest);
  if (!asked.text) return found;
  PINSCOPE_TRY(found.status, model::values_status_from_json(*std::move(asked.text)));
  return found;
}

std::vector<std::string> containers_of(const model::ValuesStatus& status) {
  std::vector<std::string> ids;
  ids.reserve(status.leases.size());
  for (const auto& lease : status.leases) ids.push_back(lease.container);
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  return ids;
}

}  // namespace pinscope::inventory
