#include "plugin/host/programs.h"

#include <unistd.h>

#include <chrono>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/host/installed.h"

namespace pinscope {
namespace {

constexpr std::chrono::seconds kTimeout{5};
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
  ProgramCall call{.path = command.front(), .arguments = command};
  // dockerd looks for its proxy in it.
  call.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  call.listen = listen;
  call.max_output = kMaxOutput;
  auto end = run_program(call, std::chrono::steady_clock::now() + kTimeout);
  if (!end) return {};
  return {.ok = end->ok(), .in_time = end->in_time, .output = std::move(end->output)};
}

std::string version_of(const std::string& path) {
  std::string line(split(ask({path, "--version"}).output, '\n').front());
  line.erase(line.find_last_not_of(' ') + 1);  // containerd without a revision
  return line;
}

}  // namespace pinscope
