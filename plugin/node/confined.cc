#include "plugin/node/confined.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>

#include "plugin/base/fd.h"
#include "plugin/kernel/privileges.h"

namespace pinscope::node {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{60};
constexpr size_t kMostOutput = size_t{1} << 16;
constexpr int kFailed = 1;

Error failure(std::string why) {
  return Error(ErrorCode::kPolicyInvalid, "use the policies").reason(std::move(why));
}

[[noreturn]] void be_child(const std::function<Result<std::string>()>& work, const Fd& writer) {
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  Result<std::string> result = std::unexpected(failure("it did not run"));
  try {
    const Status restricted = kernel::restrict_to_compiling();
    result = restricted ? work() : Result<std::string>(std::unexpected(restricted.error()));
  } catch (const std::exception& exception) {
    result = std::unexpected(failure(exception.what()));
  }
  std::string_view text = result ? std::string_view(*result) : "";
  const std::string sentence = result ? "" : result.error().sentence();
  if (!result) text = sentence;
  text = text.substr(0, kMostOutput);
  while (!text.empty()) {
    const ssize_t count = ::write(writer.get(), text.data(), text.size());
    if (count <= 0) break;
    text.remove_prefix(static_cast<size_t>(count));
  }
  ::_exit(result ? 0 : kFailed);
}

// What the child wrote, until it closed its end; nothing if it took too long.
Result<std::string> read_answer(int reader) {
  std::string text;
  std::array<char, 4096> buffer{};
  const auto deadline = Clock::now() + kPatience;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    struct pollfd waited = {reader, POLLIN, 0};
    const int ready = left > 0 ? ::poll(&waited, 1, static_cast<int>(left)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::unexpected(failure("reading them took too long"));
    const ssize_t count = ::read(reader, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<size_t>(count));
  }
}

}  // namespace

Result<std::string> run_confined(const std::function<Result<std::string>()>& work) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return std::unexpected(Error::system("make a pipe", errno));
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected(Error::system("start a process", errno));
  if (child == 0) {
    reader.reset();
    be_child(work, writer);
  }
  writer.reset();
  auto answer = read_answer(reader.get());
  if (!answer) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (!answer) return answer;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return answer;
  if (WIFEXITED(status)) return std::unexpected(failure(*std::move(answer)));
  return std::unexpected(failure("the process that reads them was ended by signal " +
                                 std::to_string(WTERMSIG(status))));
}

}  // namespace pinscope::node
