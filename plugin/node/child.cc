#include "plugin/node/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <exception>

#include "plugin/base/fd.h"
#include "plugin/kernel/privileges.h"

namespace pinscope::node {
namespace {

using Clock = std::chrono::steady_clock;

// Of what is confined, and of what starts it.
constexpr std::chrono::seconds kConfinedPatience{60};
constexpr std::chrono::seconds kPatience{180};
constexpr size_t kMostOutput = size_t{1} << 16;
constexpr int kFailed = 1;

// An error that reads as `sentence` does.
Error from_sentence(const std::string& sentence) {
  constexpr std::string_view kStart = "cannot ";
  if (sentence.starts_with(kStart)) return {ErrorCode::kSystem, sentence.substr(kStart.size())};
  return Error(ErrorCode::kSystem, "go on").reason(sentence);
}

[[noreturn]] void be_child(const std::function<Status()>& prepare, const Work& work,
                           const Fd& writer) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::string text = "the work was not begun";
  int status = kFailed;
  try {
    if (const Status prepared = prepare(); !prepared) {
      text = prepared.error().sentence();
    } else if (auto result = work(); !result) {
      text = result.error().sentence();
    } else {
      text = *std::move(result);
      status = 0;
    }
  } catch (const std::exception& exception) {
    text = exception.what();
  }
  std::string_view rest = std::string_view(text).substr(0, kMostOutput);
  while (!rest.empty()) {
    const ssize_t count = ::write(writer.get(), rest.data(), rest.size());
    if (count <= 0) break;
    rest.remove_prefix(static_cast<size_t>(count));
  }
  // No destructors and no leak checker: this is another process's memory.
  ::_exit(status);
}

// What the child wrote, until it closed its end.
Result<std::string> read_answer(int reader, std::chrono::seconds patience) {
  std::string text;
  std::array<char, 4096> buffer{};
  const auto deadline = Clock::now() + patience;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    struct pollfd waited = {reader, POLLIN, 0};
    const int ready = left.count() > 0 ? ::poll(&waited, 1, static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::unexpected(from_sentence("it took too long"));
    const ssize_t count = ::read(reader, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<size_t>(count));
  }
}

Result<std::string> run_child(const std::function<Status()>& prepare, const Work& work,
                              std::chrono::seconds patience) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return std::unexpected(Error::system("make a pipe", errno));
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected(Error::system("start a process", errno));
  if (child == 0) {
    reader.reset();
    be_child(prepare, work, writer);
  }
  writer.reset();
  auto answer = read_answer(reader.get(), patience);
  if (!answer) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (!answer) return answer;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return answer;
  if (WIFEXITED(status)) return std::unexpected(from_sentence(*answer));
  return std::unexpected(
      from_sentence("the process was ended by signal " + std::to_string(WTERMSIG(status))));
}

}  // namespace

Result<std::string> run_confined(const Work& work) {
  return run_child(kernel::restrict_to_compiling, work, kConfinedPatience);
}

Result<std::string> run_in_root(const std::string& root, const Work& work) {
  return run_child([&] { return kernel::enter_root(root); }, work, kPatience);
}

}  // namespace pinscope::node
