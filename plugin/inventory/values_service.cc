#include "plugin/inventory/values_service.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "plugin/host/unix_socket.h"

namespace pinscope::inventory {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kTimeToConnect{500};
constexpr std::chrono::milliseconds kTimeToAnswer{3000};
constexpr size_t kLongest = size_t{8} << 20;  // bytes
constexpr size_t kPiece = size_t{64} << 10;

// Everything up to the end of the connection; nothing if that does not come in time.
std::optional<std::string> read_to_end(int socket) {
  const auto until = Clock::now() + kTimeToAnswer;
  std::string text;
  std::string piece(kPiece, '\0');
  while (text.size() <= kLongest) {
    struct pollfd one = {socket, POLLIN, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    const int ready = ::poll(&one, 1, static_cast<int>(std::max<int64_t>(left, 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    const ssize_t count = ::recv(socket, piece.data(), piece.size(), MSG_DONTWAIT);
    if (count == 0) return text;
    if (count < 0 && errno != EAGAIN && errno != EINTR) return std::nullopt;
    if (count > 0) text.append(piece, 0, static_cast<size_t>(count));
  }
  return std::nullopt;
}

}  // namespace

Result<ValuesService> look_at_values(const std::string& state_directory) {
  ValuesService found;
  const std::string holder = model::values_holder_path(state_directory);
  const std::string service = model::values_status_path(state_directory);
  struct stat status {};
  found.is_set_up = ::lstat(holder.c_str(), &status) == 0 || ::lstat(service.c_str(), &status) == 0;
  if (!found.is_set_up) return found;
  found.has_holder = connect_to_socket(holder, SOCK_SEQPACKET, kTimeToConnect).has_value();
  const auto socket = connect_to_socket(service, SOCK_STREAM, kTimeToConnect);
  if (!socket) return found;
  auto text = read_to_end(socket->get());
  if (!text) return found;
  PINSCOPE_TRY(found.status, model::values_status_from_json(*std::move(text)));
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
