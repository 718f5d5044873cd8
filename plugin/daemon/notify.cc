#include "plugin/daemon/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "plugin/base/text.h"

namespace pinscope::daemon {
namespace {

constexpr uint64_t kMicrosecondsPerBeat = 2000;  // two beats in the time, in milliseconds

std::string take_variable(const char* name) {
  const char* value = std::getenv(name);
  std::string taken = value == nullptr ? "" : value;
  ::unsetenv(name);
  return taken;
}

}  // namespace

Notifier::Notifier() {
  const std::string path = take_variable("NOTIFY_SOCKET");
  const auto time = parse_unsigned(take_variable("WATCHDOG_USEC"));
  const std::string process = take_variable("WATCHDOG_PID");
  struct sockaddr_un address {};
  if (path.empty() || path.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  if (path.front() == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + path.size());
  socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (::connect(socket_.get(), reinterpret_cast<const struct sockaddr*>(&address), size) != 0) {
    socket_.reset();
    return;
  }
  const bool is_ours = process.empty() || process == std::to_string(::getpid());
  if (time && *time > 0 && is_ours)
    pace_ = std::chrono::milliseconds(std::max<uint64_t>(*time / kMicrosecondsPerBeat, 1));
}

void Notifier::tell(std::string_view text) const {
  if (socket_.valid())
    (void)::send(socket_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace pinscope::daemon
