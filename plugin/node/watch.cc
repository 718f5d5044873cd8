#include "plugin/node/watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

#include "plugin/base/text.h"

namespace pinscope::node {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kQuiet{100};
constexpr milliseconds kLongestBurst{1000};
// Not IN_MODIFY: a file that is being written says so when it is closed.
constexpr uint32_t kEvents = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE |
                             IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

// Whether there was anything to read. What it said does not matter: everything is looked at again.
bool drain(int fd) {
  std::array<char, 4096> buffer{};
  bool any = false;
  while (::read(fd, buffer.data(), buffer.size()) > 0) any = true;
  return any;
}

}  // namespace

Result<Watch> Watch::start() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, signal);
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) != 0)
    return std::unexpected(Error::system("block signals", errno));
  Fd told(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!told.valid()) return std::unexpected(Error::system("wait for signals", errno));
  Fd inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify.valid()) return std::unexpected(Error::system("watch directories", errno));
  return Watch(std::move(inotify), std::move(told));
}

Status Watch::add(const std::string& directory) const {
  if (::inotify_add_watch(inotify_.get(), directory.c_str(), kEvents) < 0)
    return std::unexpected(Error::system("watch " + quoted(directory), errno));
  return {};
}

Result<Watch::Event> Watch::wait(milliseconds longest) const {
  std::optional<Clock::time_point> latest;
  auto until = Clock::now() + longest;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
    std::array<struct pollfd, 2> waited = {
        {{inotify_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
    const int ready = ::poll(waited.data(), waited.size(),
                             static_cast<int>(std::max(left, milliseconds(0)).count()));
    if (ready < 0 && errno != EINTR) return std::unexpected(Error::system("wait", errno));
    if (ready == 0) return latest ? Event::kChanged : Event::kTimeout;
    bool changed = drain(inotify_.get());
    struct signalfd_siginfo signal {};
    while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
      if (signal.ssi_signo != SIGHUP) return Event::kStop;
      changed = true;
    }
    if (!changed) continue;
    const auto now = Clock::now();
    if (!latest) latest = now + kLongestBurst;
    until = std::min(now + kQuiet, *latest);
  }
}

}  // namespace pinscope::node
