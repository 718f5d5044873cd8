#include "plugin/kernel/process/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include "plugin/base/fd.h"
#include "plugin/base/text.h"
#include "plugin/kernel/sys.h"

namespace pinscope::kernel {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

constexpr size_t kLongestAnswer = size_t{16} << 20;
constexpr size_t kLongestError = size_t{1} << 16;
constexpr int kFailed = 1;
// For the end of a child that has given its answer, and of one that was killed.
constexpr Milliseconds kForItsEnd{1000};
constexpr Milliseconds kForItsDeath{50};

struct Pipe {
  Fd reader;
  Fd writer;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return std::unexpected(Error::system("make a pipe", errno));
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Error cannot_go_on(std::string reason) {
  return Error(ErrorCode::kSystem, "go on").reason(std::move(reason));
}

// As it is sent, within the limit.
std::string bytes_of(const Error& error) {
  std::string bytes = error.to_bytes();
  if (bytes.size() <= kLongestError) return bytes;
  return Error(error.code(), "go on")
      .reason(error.sentence().substr(0, kLongestError / 2))
      .to_bytes();
}

// False if the time is over.
bool wait_for(int fd, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<Milliseconds>(deadline - Clock::now());
    struct pollfd waited = {fd, POLLIN, 0};
    const int ready = ::poll(&waited, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) continue;
    return ready > 0;
  }
}

// Nothing if it does not end in time; it is killed then, and left to whoever adopts it.
std::optional<int> end_of(pid_t child, Clock::time_point deadline) {
  const auto pidfd = open_pidfd(child);
  int status = 0;
  if (pidfd && wait_for(pidfd->get(), deadline) && ::waitpid(child, &status, 0) == child)
    return status;
  ::kill(child, SIGKILL);
  return std::nullopt;
}

// Whoever reads our streams would otherwise wait for a child that does not end: a pipe has an end
// only when nobody holds it any more.
bool leave_streams(int instead) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::dup2(instead, fd) < 0) return false;
  return true;
}

[[noreturn]] void be_child(const Work& work, const Fd& writer) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGPIPE, SIG_DFL);
  // There may be no /dev/null in this root. Nothing can be written to this end of a pipe, and there
  // is nothing to read.
  auto nothing = make_pipe();
  if (!nothing || !leave_streams(nothing->reader.get())) ::_exit(kFailed);
  nothing->writer.reset();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::string text;
  int status = kFailed;
  try {
    if (auto result = work(); !result) {
      text = bytes_of(result.error());
    } else {
      text = *std::move(result);
      status = 0;
    }
  } catch (const std::exception& exception) {
    text = bytes_of(cannot_go_on(exception.what()));
  }
  std::string_view rest = std::string_view(text).substr(0, kLongestAnswer);
  while (!rest.empty()) {
    const ssize_t count = ::write(writer.get(), rest.data(), rest.size());
    if (count <= 0) break;
    rest.remove_prefix(static_cast<size_t>(count));
  }
  // No destructors and no leak checker: this is another process's memory.
  ::_exit(status);
}

// What the child wrote, until it closed its end; nothing if that was not in time.
std::optional<std::string> read_answer(int reader, Clock::time_point deadline) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    if (!wait_for(reader, deadline)) return std::nullopt;
    const ssize_t count = ::read(reader, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<size_t>(count));
  }
}

// What a child that has ended wrote to its streams, to our errors.
void hand_on(int reader) {
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t count = ::read(reader, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || ::write(STDERR_FILENO, buffer.data(), static_cast<size_t>(count)) < 0) return;
  }
}

std::string ended_by(int status) {
  return "the process was ended by signal " + std::to_string(WTERMSIG(status));
}

}  // namespace

Result<std::string> run_in_child(const Work& work, Milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  PINSCOPE_TRY(Pipe ends, make_pipe());
  auto& [reader, writer] = ends;
  ::signal(SIGCHLD, SIG_DFL);
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected(Error::system("start a process", errno));
  if (child == 0) {
    reader.reset();
    be_child(work, writer);
  }
  writer.reset();
  auto answer = read_answer(reader.get(), deadline);
  if (!answer) ::kill(child, SIGKILL);
  const auto status = end_of(child, Clock::now() + (answer ? kForItsEnd : kForItsDeath));
  if (!answer || !status) return std::unexpected(cannot_go_on("it took too long"));
  if (!WIFEXITED(*status)) return std::unexpected(cannot_go_on(ended_by(*status)));
  if (WEXITSTATUS(*status) == 0) return *std::move(answer);
  auto error = Error::from_bytes(*answer);
  return std::unexpected(error ? *std::move(error) : cannot_go_on("it did not say why"));
}

Status go_on_in_child(Milliseconds timeout) {
  PINSCOPE_TRY(Pipe messages, make_pipe());
  // A runtime may have told the kernel to forget the status of its children, and thereby of ours.
  ::signal(SIGCHLD, SIG_DFL);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected(Error::system("start a process", errno));
  if (child == 0) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || !leave_streams(messages.writer.get()))
      return std::unexpected(Error::system("tie a process to its parent", errno));
    if (::getppid() != parent) ::_exit(kFailed);
    return {};
  }
  messages.writer.reset();
  const auto status = end_of(child, Clock::now() + timeout);
  if (status && WIFEXITED(*status)) {
    hand_on(messages.reader.get());
    ::_exit(WEXITSTATUS(*status));
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  return std::unexpected(
      Error(ErrorCode::kTargetInvalid, "put the view into the container")
          .reason(status ? ended_by(*status)
                         : "a file system of the container gave no answer within " +
                               count_of(static_cast<size_t>(seconds.count()), "second", "seconds"))
          .hint("let view.at be on no volume of FUSE or of the network"));
}

}  // namespace pinscope::kernel
