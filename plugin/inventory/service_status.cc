#include "plugin/inventory/service_status.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "plugin/host/unix_socket.h"

namespace pinscope::inventory {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
constexpr milliseconds kTimeToConnect{500};
constexpr size_t kPiece = size_t{64} << 10;  // bytes

std::optional<std::string> read_to_end(int socket, size_t longest, milliseconds time) {
  const auto until = Clock::now() + time;
  std::string text;
  std::string piece(kPiece, '\0');
  while (text.size() <= longest) {
    struct pollfd one = {socket, POLLIN, 0};
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
    // Who sends without end is always ready.
    if (left <= 0) return std::nullopt;
    const int ready = ::poll(&one, 1, static_cast<int>(left));
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

Asked ask_service(const std::string& path, size_t longest, milliseconds time) {
  const auto socket = connect_to_socket(path, SOCK_STREAM, kTimeToConnect);
  if (!socket) return {.listens = socket.error().errnum() == EAGAIN};
  return {.listens = true, .text = read_to_end(socket->get(), longest, time)};
}

bool was_there(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

}  // namespace pinscope::inventory
