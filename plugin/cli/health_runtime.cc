// doctor: the container runtimes that are installed, and the programs of Pinscope.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "plugin/base/fd.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/cli/health.h"

namespace pinscope::cli {
namespace {

using Level = Finding::Level;

// Not $PATH: doctor runs as root, and what it runs must not be the caller's choice.
constexpr std::array kDirectories = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"};
constexpr int kPatienceMs = 5000;

std::string find_program(const std::string& name) {
  for (const char* directory : kDirectories) {
    std::string path = std::string(directory) + "/" + name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

// The first line that `path --version` prints; empty if it prints none in time.
std::string version_of(const std::string& path) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return "";
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::string program = path;
  std::string option = "--version";
  std::array<char*, 3> arguments = {program.data(), option.data(), nullptr};
  std::array<char*, 1> environment = {nullptr};
  pid_t child = 0;
  const int failure =
      ::posix_spawn(&child, path.c_str(), &actions, nullptr, arguments.data(), environment.data());
  ::posix_spawn_file_actions_destroy(&actions);
  writer.reset();
  if (failure != 0) return "";
  std::string text;
  std::array<char, 4096> buffer{};
  struct pollfd waited {
    reader.get(), POLLIN, 0
  };
  while (text.size() < buffer.size() && ::poll(&waited, 1, kPatienceMs) == 1) {
    const ssize_t count = ::read(reader.get(), buffer.data(), buffer.size());
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<size_t>(count));
  }
  ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return std::string(split(text, '\n').front());
}

Finding runtime(const char* name, const std::string& path) {
  const std::string version = version_of(path);
  if (version.empty())
    return {Level::kWarn, "runtime", name, path + " prints no version",
            "try " + path + " --version"};
  return {Level::kOk, "runtime", name, version + " (" + path + ")", ""};
}

// The hook beside this program, which is where the installation puts it.
Finding hook() {
  std::array<char, PATH_MAX> self{};
  const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size());
  const std::string directory =
      length > 0 ? std::string(parent_of({self.data(), static_cast<size_t>(length)})) : "/usr/bin";
  const std::string path = directory + "/pinscope-hook";
  if (::access(path.c_str(), X_OK) == 0) return {Level::kOk, "runtime", "pinscope-hook", path, ""};
  return {Level::kFail, "runtime", "pinscope-hook", "not at " + path,
          "install it: without the hook no container gets a view"};
}

}  // namespace

Findings runtime_health() {
  Findings findings = {hook()};
  bool any = false;
  for (const char* name : {"runc", "crun"}) {
    const std::string path = find_program(name);
    if (path.empty()) continue;
    any = true;
    findings.push_back(runtime(name, path));
  }
  if (!any)
    findings.push_back({Level::kFail, "runtime", "runc, crun", "neither is installed",
                        "install one of them: apt-get install runc"});
  for (const char* name : {"runsc", "kata-runtime"})
    if (const std::string path = find_program(name); !path.empty())
      findings.push_back({Level::kWarn, "runtime", name, path,
                          "its containers do not use this kernel: they are refused if a policy "
                          "selects them"});
  return findings;
}

}  // namespace pinscope::cli
