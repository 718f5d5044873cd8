#include "plugin/cli/engine_status.h"

#include <array>
#include <cctype>

#include "plugin/base/text.h"
#include "plugin/cli/programs.h"

namespace pinscope::cli {
namespace {

constexpr std::array kDirectories = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"};

const char* program_name(model::Engine engine) {
  switch (engine) {
    case model::Engine::kPodman:
      return "podman";
    case model::Engine::kCrio:
      return "crio";
    case model::Engine::kContainerd:
      return "containerd";
    case model::Engine::kDocker:
      return "dockerd";
    case model::Engine::kUnknown:
    case model::Engine::kHost:
      return "";
  }
  return "";
}

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

}  // namespace

std::string engine_program(const engine::Tree& tree, model::Engine engine) {
  for (const char* directory : kDirectories) {
    std::string path = std::string(directory) + "/" + program_name(engine);
    if (tree.exists(path)) return path;
  }
  return "";
}

EngineStatus look_at(const engine::Tree& tree, model::Engine engine) {
  EngineStatus status;
  status.report = engine::examine(engine, tree);
  status.program = engine_program(tree, engine);
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

}  // namespace pinscope::cli
