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
// For each piece of a series behind one that did not answer.
constexpr Milliseconds kForThoseAfter{100};

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

Error took_too_long() {
  return Error::system("go on", ETIME).reason("it took too long");
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

// What a process needs to be somebody's child and nobody else's.
void settle_as_child() {
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
}

// What the work gives, or the bytes of its error.
struct Outcome {
  bool worked = false;
  std::string bytes;
};

Outcome outcome_of(const Work& work) {
  try {
    if (auto result = work(); result)
      return {true, *std::move(result)};
    else
      return {false, bytes_of(result.error())};
  } catch (const std::exception& exception) {
    return {false, bytes_of(cannot_go_on(exception.what()))};
  }
}

Result<std::string> result_of(bool worked, std::string bytes) {
  if (worked) return bytes;
  auto error = Error::from_bytes(bytes);
  return std::unexpected(error ? *std::move(error) : cannot_go_on("it did not say why"));
}

bool write_whole(int fd, std::string_view rest) {
  while (!rest.empty()) {
    const ssize_t count = ::write(fd, rest.data(), rest.size());
    if (count <= 0) return false;
    rest.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

[[noreturn]] void be_child(const Work& work, const Fd& writer) {
  settle_as_child();
  const auto outcome = outcome_of(work);
  write_whole(writer.get(), std::string_view(outcome.bytes).substr(0, kLongestAnswer));
  // No destructors and no leak checker: this is another process's memory.
  ::_exit(outcome.worked ? 0 : kFailed);
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

// One child with a series of answers, each behind its head.
struct Head {
  uint64_t size = 0;
  bool worked = false;
};

class Series {
 public:
  static Result<Series> start(size_t first, size_t count,
                              const std::function<Result<std::string>(size_t)>& work) {
    PINSCOPE_TRY(Pipe ends, make_pipe());
    const pid_t child = ::fork();
    if (child < 0) return std::unexpected(Error::system("start a process", errno));
    if (child != 0) return Series(child, std::move(ends.reader));
    ends.reader.reset();
    settle_as_child();
    for (size_t i = first; i < count; ++i) {
      const auto outcome = outcome_of([&] { return work(i); });
      const Head head{outcome.bytes.size(), outcome.worked};
      if (!write_whole(ends.writer.get(), {reinterpret_cast<const char*>(&head), sizeof head}) ||
          !write_whole(ends.writer.get(), outcome.bytes))
        break;
    }
    ::_exit(0);
  }
  Series(Series&& other) noexcept
      : child_(std::exchange(other.child_, 0)), reader_(std::move(other.reader_)) {}
  Series& operator=(Series&&) = delete;
  Series(const Series&) = delete;
  Series& operator=(const Series&) = delete;
  ~Series() {
    if (child_ == 0) return;
    reader_.reset();
    if (!goes_on_) ::kill(child_, SIGKILL);
    (void)end_of(child_, Clock::now() + (was_late_ ? kForItsDeath : kForItsEnd));
  }

  Result<std::string> read(Clock::time_point deadline) {
    Head head;
    std::string bytes;
    goes_on_ = read_whole(reinterpret_cast<char*>(&head), sizeof head, deadline) &&
               head.size <= kLongestAnswer;
    if (goes_on_) {
      bytes.resize(head.size);
      goes_on_ = read_whole(bytes.data(), bytes.size(), deadline);
    }
    if (goes_on_) return result_of(head.worked, std::move(bytes));
    return std::unexpected(was_late_ ? took_too_long() : cannot_go_on("the process ended"));
  }
  // False if the child has no further answer.
  [[nodiscard]] bool goes_on() const { return goes_on_; }
  [[nodiscard]] bool was_late() const { return was_late_; }

 private:
  Series(pid_t child, Fd reader) : child_(child), reader_(std::move(reader)) {}

  bool read_whole(char* to, size_t size, Clock::time_point deadline) {
    while (size > 0) {
      was_late_ = !wait_for(reader_.get(), deadline);
      if (was_late_) return false;
      const ssize_t count = ::read(reader_.get(), to, size);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      to += count;
      size -= static_cast<size_t>(count);
    }
    return true;
  }

  pid_t child_;
  Fd reader_;
  bool goes_on_ = true;
  bool was_late_ = false;
};

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
  if (!answer || !status) return std::unexpected(took_too_long());
  if (!WIFEXITED(*status)) return std::unexpected(cannot_go_on(ended_by(*status)));
  return result_of(WEXITSTATUS(*status) == 0, *std::move(answer));
}

void run_each_in_child(size_t count, const std::function<Result<std::string>(size_t)>& work,
                       const std::function<void(size_t, Result<std::string>)>& take,
                       Milliseconds timeout) {
  ::signal(SIGCHLD, SIG_DFL);
  for (size_t next = 0; next < count; ++next) {
    auto child = Series::start(next, count, work);
    if (!child) return take(next, std::unexpected(std::move(child).error()));
    for (; next < count; ++next) {
      auto answer = child->read(Clock::now() + timeout);
      const bool goes_on = child->goes_on();
      take(next, std::move(answer));
      if (!goes_on) break;
    }
    if (child->was_late()) timeout = std::min(timeout, kForThoseAfter);
  }
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
