#include "plugin/health/engine_status.h"

#include <cctype>

#include "plugin/base/text.h"
#include "plugin/engine/docker/start.h"
#include "plugin/engine/wiring/daemon.h"
#include "plugin/health/docker_info.h"
#include "plugin/host/programs.h"

namespace pinscope::health {
namespace {

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

// dockerd reads daemon.json when it is told to, so the process is asked what it goes by.
void examine_running_docker(const engine::Tree& tree, engine::Report& report) {
  if (!report.effective()) return;  // the files are the matter
  std::optional<DockerInfo> info;
  for (const auto& socket : engine::docker_sockets(tree))
    if (!info) info = docker_info(socket);
  if (!info) return;
  const auto fail = [&](std::string text) {
    report.add(model::Finding::Level::kFail, std::move(text), "systemctl reload docker");
  };
  if (!info->knows_pinscope)
    fail("dockerd runs since before the wiring: it does not know the runtime \"pinscope\"");
  else if (report.set_default && info->default_runtime != "pinscope")
    fail("dockerd runs since before the wiring: its default runtime is " +
         quoted(info->default_runtime));
}

}  // namespace

EngineStatus look_at(const engine::Tree& tree, model::Engine engine) {
  EngineStatus status;
  status.report = engine::examine(engine, tree);
  if (engine == model::Engine::kDocker && tree.is_host())
    examine_running_docker(tree, status.report);
  status.program = engine::engine_program(tree, engine);
  if (!status.program.empty() && tree.is_host()) status.version = version_of(status.program);
  return status;
}

std::string version_number(const std::string& line) {
  for (const auto word : split(line, ' ')) {
    std::string_view rest = word;
    if (rest.starts_with('v')) rest.remove_prefix(1);
    size_t length = 0;
    size_t dots = 0;
    while (length < rest.size() && (is_digit(rest[length]) || rest[length] == '.')) {
      if (rest[length] == '.') ++dots;
      ++length;
    }
    if (length > 0 && is_digit(rest[0]) && dots > 0) return std::string(rest.substr(0, length));
  }
  return "";
}

}  // namespace pinscope::health
