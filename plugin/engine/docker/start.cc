#include "plugin/engine/docker/start.h"

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/engine/wiring/daemon.h"

namespace pinscope::engine {

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

}  // namespace pinscope::engine
