#include "tests/bench/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "plugin/base/fd.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"

namespace pinscope::bench {
namespace {

constexpr size_t kPipeSize = 65536;

uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(now.tv_nsec);
}

struct Pipe {
  Fd read;
  Fd write;
};

Result<Pipe> make_pipe(int flags = 0) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | flags) != 0)
    return std::unexpected(Error::system("make a pipe", errno));
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// A pipe that holds `input` and nothing after it.
Result<Fd> filled_pipe(std::string_view input) {
  if (input.size() > kPipeSize)
    return std::unexpected(
        Error(ErrorCode::kInternal, "prepare stdin").reason("the input is larger than a pipe"));
  PINSCOPE_TRY(Pipe pipe, make_pipe());
  if (::write(pipe.write.get(), input.data(), input.size()) != static_cast<ssize_t>(input.size()))
    return std::unexpected(Error::system("write to a pipe", errno));
  return std::move(pipe.read);
}

std::vector<char*> pointers(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  return argv;
}

char kPath[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
char* kEnvironment[] = {kPath, nullptr};

int shell_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Of a process that has ended and was not waited for; the first number of its schedstat.
uint64_t cpu_time_of(pid_t pid) {
  const auto file = open_at(AT_FDCWD, "/proc/" + std::to_string(pid) + "/schedstat", O_RDONLY);
  if (!file) return 0;
  const auto text = read_all(file->get(), kPipeSize, "schedstat");
  return text ? parse_unsigned(text->substr(0, text->find(' '))).value_or(0) : 0;
}

// What is in the pipe now, without waiting for writers: a daemon that inherited it may live on.
std::string drain(int fd) {
  std::string text(kPipeSize, '\0');
  const ssize_t count = ::read(fd, text.data(), text.size());
  text.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return text;
}

}  // namespace

Result<Run> run(const std::vector<std::string>& arguments, std::string_view input) {
  PINSCOPE_TRY(const Fd standard_input, filled_pipe(input));
  PINSCOPE_TRY(const Pipe errors, make_pipe(O_NONBLOCK));
  PINSCOPE_TRY(const Fd null, open_at(AT_FDCWD, "/dev/null", O_WRONLY));
  auto argv = pointers(arguments);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, standard_input.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, null.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, errors.write.get(), STDERR_FILENO);

  Run result;
  pid_t pid = 0;
  int status = 0;
  const uint64_t start = now_ns();
  const int failed = ::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), kEnvironment);
  siginfo_t ended{};
  while (failed == 0 && ::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT) < 0 &&
         errno == EINTR)
    continue;
  result.wall_ns = now_ns() - start;
  if (failed == 0) {
    result.cpu_ns = cpu_time_of(pid);
    ::waitpid(pid, &status, 0);
  }

  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return std::unexpected(Error::system("start " + quoted(arguments[0]), failed));
  result.exit_status = shell_status(status);
  result.errors = drain(errors.read.get());
  return result;
}

Result<uint64_t> peak_memory_kib(const std::vector<std::string>& arguments,
                                 std::string_view input) {
  PINSCOPE_TRY(const Fd standard_input, filled_pipe(input));
  PINSCOPE_TRY(const Fd null, open_at(AT_FDCWD, "/dev/null", O_WRONLY));
  auto argv = pointers(arguments);
  const auto failure = [&](const char* verb) {
    return std::unexpected(Error::system(verb + quoted(arguments[0]), errno));
  };

  const pid_t pid = ::fork();
  if (pid < 0) return failure("start ");
  if (pid == 0) {
    ::dup2(standard_input.get(), STDIN_FILENO);
    ::dup2(null.get(), STDOUT_FILENO);
    ::dup2(null.get(), STDERR_FILENO);
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::execve(argv[0], argv.data(), kEnvironment);
    ::_exit(127);
  }
  uint64_t peak = 0;
  int status = 0;
  bool traced = false;
  while (::waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
    if (!traced) {
      traced = true;
      if (::ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_TRACEEXIT) != 0)
        return failure("trace ");
    }
    int signal = WSTOPSIG(status);
    if (signal == SIGTRAP) signal = 0;
    if (status >> 8 == (SIGTRAP | (PTRACE_EVENT_EXIT << 8))) {
      PINSCOPE_TRY(const Fd file,
                   open_at(AT_FDCWD, "/proc/" + std::to_string(pid) + "/status", O_RDONLY));
      PINSCOPE_TRY(const std::string text, read_all(file.get(), kPipeSize, "status"));
      for (const auto line : split(text, '\n')) {
        if (!line.starts_with("VmHWM:")) continue;
        const auto digits = line.substr(line.find_first_of("0123456789"));
        peak = parse_unsigned(digits.substr(0, digits.find(' '))).value_or(0);
      }
    }
    ::ptrace(PTRACE_CONT, pid, nullptr, signal);
  }
  if (shell_status(status) != 0)
    return std::unexpected(Error(ErrorCode::kInternal, "measure " + quoted(arguments[0]))
                               .reason("exit status " + std::to_string(shell_status(status))));
  return peak;
}

}  // namespace pinscope::bench
