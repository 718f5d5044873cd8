#include "plugin/host/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "plugin/base/fd.h"
#include "plugin/base/text.h"

namespace pinscope {
namespace {

using Clock = std::chrono::steady_clock;
using Listen = ProgramCall::Listen;

// The two arguments of posix_spawn(3) that say what the child does not inherit.
class SpawnSettings {
 public:
  // -1: /dev/null in place of a standard stream.
  explicit SpawnSettings(const std::array<int, 3>& streams) {
    ::posix_spawn_file_actions_init(&actions_);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
      const int stream = streams[static_cast<size_t>(fd)];
      if (stream < 0)
        ::posix_spawn_file_actions_addopen(&actions_, fd, "/dev/null", O_RDWR, 0);
      else
        ::posix_spawn_file_actions_adddup2(&actions_, stream, fd);
    }
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    ::posix_spawn_file_actions_addchdir_np(&actions_, "/");
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    sigset_t signals;
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    ::sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// For execve(2), which writes to none of them.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Result<pid_t> start(const ProgramCall& call, int listener) {
  const SpawnSettings settings({call.input, call.listen == Listen::kOutput ? listener : -1,
                                call.listen == Listen::kErrors ? listener : -1});
  pid_t child = 0;
  const int error =
      ::posix_spawn(&child, call.path.c_str(), settings.actions(), settings.attributes(),
                    pointers_to(call.arguments).data(), pointers_to(call.environment).data());
  if (error != 0) return std::unexpected(Error::system("run " + quoted(call.path), error));
  return child;
}

// Reads until the other end is closed; false if that is not the case by `deadline`.
bool drain(int fd, Clock::time_point deadline, size_t most, std::string& output) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    struct pollfd waited = {fd, POLLIN, 0};
    if (::poll(&waited, 1, static_cast<int>(std::min<int64_t>(left, 60'000))) <= 0) continue;
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count == 0 || (count < 0 && errno != EINTR)) return true;
    if (count < 0) continue;
    output.append(buffer.data(), static_cast<size_t>(count));
    if (output.size() > most) output.erase(0, output.size() - most);
  }
}

void wait_for_end(pid_t child, Clock::time_point deadline, ProgramEnd& end) {
  constexpr timespec kInterval = {0, 500'000};
  int status = 0;
  for (;;) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) end.status = status;
    if (ended == child || (ended < 0 && errno == ECHILD)) return;
    if (Clock::now() >= deadline) break;
    ::nanosleep(&kInterval, nullptr);
  }
  end.in_time = false;
  ::kill(-child, SIGKILL);
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  end.status = status;
}

}  // namespace

bool ProgramEnd::has_exited() const {
  return in_time && WIFEXITED(status.value_or(0));
}

bool ProgramEnd::ok() const {
  return has_exited() && WEXITSTATUS(status.value_or(0)) == 0;
}

std::string ProgramEnd::what_happened() const {
  if (!in_time) return "it did not end in time";
  const int how = status.value_or(0);
  return WIFEXITED(how) ? "it ended with status " + std::to_string(WEXITSTATUS(how))
                        : "it was ended by signal " + std::to_string(WTERMSIG(how));
}

Result<ProgramEnd> run_program(const ProgramCall& call, Clock::time_point deadline) {
  Fd reader;
  Fd writer;
  if (call.listen != Listen::kNothing) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
      return std::unexpected(Error::system("run " + quoted(call.path), errno));
    reader = Fd(ends[0]);
    writer = Fd(ends[1]);
  }
  PINSCOPE_TRY(const pid_t child, start(call, writer.get()));
  writer.reset();
  ProgramEnd end;
  if (reader.valid() && !drain(reader.get(), deadline, call.max_output, end.output))
    deadline = Clock::time_point::min();
  wait_for_end(child, deadline, end);
  return end;
}

}  // namespace pinscope
