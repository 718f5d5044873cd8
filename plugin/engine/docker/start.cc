#include "plugin/engine/docker/start.h"

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/engine/docker/json.h"
#include "plugin/engine/wiring/daemon.h"

namespace pinscope::engine {
namespace {

constexpr std::string_view kUnixSocket = "unix://";
constexpr const char* kDefaultSocket = "/run/docker.sock";

}  // namespace

DockerStart docker_start(const Tree& tree) {
  DockerStart start;
  const auto commands = daemon_commands(tree, model::Engine::kDocker);
  if (commands.empty()) return start;
  start.where = commands.front().where;
  for (const auto& command : commands) {
    const bool is_unit = command.process == 0;
    for (const auto& file : command.values_of({"config-file"})) {
      if (is_unit)
        start.config_file = join("/", file);
      else if (join("/", file) != start.config_file)
        start.other_file = one_line(join("/", file)) + " (" + command.where + ")";
    }
    const auto defaults = command.values_of({"default-runtime"});
    if (start.default_runtime.empty() && !defaults.empty()) {
      start.default_runtime = defaults.back();
      start.default_where = command.where;
    }
    for (const auto& runtime : command.values_of({"add-runtime"}))
      if (const size_t equals = runtime.find('='); equals != std::string::npos)
        start.runtimes.emplace(runtime.substr(0, equals), runtime.substr(equals + 1));
    // Root runs dockerd to ask it, and others of its options make it write, listen or run
    // something.
    if (!is_unit) continue;
    for (const char* name : {"default-runtime", "add-runtime"})
      for (const auto& value : command.values_of({name}))
        start.checked_with.push_back("--" + std::string(name) + "=" + value);
  }
  return start;
}

std::vector<std::string> docker_sockets(const Tree& tree) {
  std::vector<std::string> hosts;
  for (const auto& command : daemon_commands(tree, model::Engine::kDocker))
    for (auto& host : command.values_of({"host", "H"})) hosts.push_back(std::move(host));
  const std::string path = docker_start(tree).config_file;
  if (const auto file = tree.read(path); file && *file)
    if (const auto daemon = DockerJson::parse((*file)->text, path))
      for (auto& host : daemon->hosts().value_or(std::vector<std::string>()))
        hosts.push_back(std::move(host));
  std::vector<std::string> sockets;
  for (const auto& host : hosts) {
    if (host.starts_with("unix:///"))
      sockets.push_back(host.substr(kUnixSocket.size()));
    else if (host.starts_with("fd://") || host == kUnixSocket)
      sockets.emplace_back(kDefaultSocket);
  }
  if (hosts.empty()) sockets.emplace_back(kDefaultSocket);
  return sockets;
}

}  // namespace pinscope::engine
