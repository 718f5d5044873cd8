#include "plugin/host/programs.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "plugin/base/fd.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/installed.h"

namespace pinscope {
namespace {

constexpr int kTimeoutMs = 5000;
constexpr size_t kMaxOutput = size_t{1} << 20;

}  // namespace

std::string find_program(const std::string& name) {
  for (const char* directory : kInstallDirectories) {
    std::string path = std::string(directory) + "/" + name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

Answer ask(const std::vector<std::string>& command, Listen listen) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  const int heard = listen == Listen::kOutput ? STDOUT_FILENO : STDERR_FILENO;
  const int unheard = listen == Listen::kOutput ? STDERR_FILENO : STDOUT_FILENO;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, writer.get(), heard);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, unheard, "/dev/null", O_WRONLY, 0);
  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  // dockerd looks for its proxy in it.
  std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::array<char*, 2> environment = {path.data(), nullptr};
  pid_t child = 0;
  const int failure = ::posix_spawn(&child, words.front().c_str(), &actions, nullptr,
                                    arguments.data(), environment.data());
  ::posix_spawn_file_actions_destroy(&actions);
  writer.reset();
  if (failure != 0) return {};
  Answer answer;
  std::array<char, 4096> buffer{};
  struct pollfd waited {
    reader.get(), POLLIN, 0
  };
  bool ended = false;
  while (answer.output.size() < kMaxOutput && ::poll(&waited, 1, kTimeoutMs) == 1) {
    const ssize_t count = ::read(reader.get(), buffer.data(), buffer.size());
    ended = count == 0;
    if (count <= 0) break;
    answer.output.append(buffer.data(), static_cast<size_t>(count));
  }
  if (!ended) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  answer.ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return answer;
}

std::string version_of(const std::string& path) {
  std::string line(split(ask({path, "--version"}).output, '\n').front());
  line.erase(line.find_last_not_of(' ') + 1);  // containerd without a revision
  return line;
}

}  // namespace pinscope
