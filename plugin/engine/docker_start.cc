#include "plugin/engine/docker_start.h"

#include "plugin/base/path.h"
#include "plugin/engine/daemon.h"

namespace pinscope::engine {

DockerStart docker_start(const Tree& tree) {
  DockerStart start;
  const auto commands = daemon_commands(tree, model::Engine::kDocker);
  if (commands.empty()) return start;
  start.where = commands.front().where;
  start.arguments = commands.front().without("--config-file");
  for (const auto& file : commands.front().values_of("--config-file"))
    start.config_file = join("/", file);
  for (const auto& command : commands) {
    const auto defaults = command.values_of("--default-runtime");
    if (start.default_runtime.empty() && !defaults.empty()) {
      start.default_runtime = defaults.back();
      start.default_where = command.where;
    }
    for (const auto& runtime : command.values_of("--add-runtime"))
      if (const size_t equals = runtime.find('='); equals != std::string::npos)
        start.runtimes.emplace(runtime.substr(0, equals), runtime.substr(equals + 1));
  }
  return start;
}

}  // namespace pinscope::engine
