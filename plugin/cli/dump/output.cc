#include "plugin/cli/dump/output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <string_view>

namespace pinscope::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void note(int /*signal*/) {
  interrupted = 1;
}

}  // namespace

DumpOutput::DumpOutput(int fd) : fd_(fd) {
  text_.reserve(2 * kPiece);
  ::signal(SIGPIPE, SIG_IGN);
}

Status DumpOutput::flush() {
  std::string_view left = text_;
  while (!left.empty() && !closed_) {
    const ssize_t written = ::write(fd_, left.data(), left.size());
    if (written >= 0) {
      left.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EPIPE) {
      closed_ = true;
    } else if (errno == EAGAIN) {
      struct pollfd room = {fd_, POLLOUT, 0};
      ::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return std::unexpected(Error::system("write to standard output", errno));
    }
  }
  text_.clear();
  return {};
}

void note_interruptions() {
  struct sigaction action = {};
  action.sa_handler = note;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool is_interrupted() {
  return interrupted != 0;
}

void sleep_or_interrupted(uint64_t milliseconds) {
  constexpr uint64_t kThousand = 1000;
  constexpr uint64_t kMillion = 1000000;
  const struct timespec time = {static_cast<time_t>(milliseconds / kThousand),
                                static_cast<long>(milliseconds % kThousand * kMillion)};
  // A signal between the question and the sleep would be missed without the mask.
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGINT);
  ::sigaddset(&blocked, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  if (!is_interrupted()) ::ppoll(nullptr, 0, &time, &before);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace pinscope::cli
