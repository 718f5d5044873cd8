#include "plugin/model/container.h"

#include <algorithm>
#include <array>
#include <utility>

namespace pinscope::model {
namespace {

constexpr std::array<std::pair<Engine, const char*>, 6> kEngineNames = {{
    {Engine::kUnknown, ""},
    {Engine::kPodman, "podman"},
    {Engine::kDocker, "docker"},
    {Engine::kContainerd, "containerd"},
    {Engine::kCrio, "crio"},
    {Engine::kHost, "host"},
}};

constexpr std::array<const char*, kNamespaceKinds> kNamespaceNames = {
    "user", "net", "pid", "ipc", "uts", "cgroup", "time", "mnt"};

}  // namespace

const char* engine_name(Engine engine) {
  for (const auto& [value, name] : kEngineNames)
    if (value == engine) return name;
  return "";
}

const char* engine_established_by(Engine engine) {
  switch (engine) {
    case Engine::kUnknown:
      return "";
    case Engine::kHost:
      return "the session itself";
    case Engine::kPodman:
    case Engine::kDocker:
    case Engine::kContainerd:
    case Engine::kCrio:
      return "the hook's --engine option";
  }
  return "";
}

std::optional<Engine> engine_from_name(const std::string& name) {
  for (const auto& [value, known] : kEngineNames)
    if (value != Engine::kUnknown && name == known) return value;
  return std::nullopt;
}

const char* namespace_name(NamespaceKind kind) {
  return kNamespaceNames[static_cast<size_t>(kind)];
}

bool is_container_id(std::string_view id) {
  const auto is_allowed = [](char byte) {
    return static_cast<unsigned char>(byte) >= 0x20 && byte != 0x7f && byte != '/';
  };
  return !id.empty() && id.size() <= kLongestId && id != "." && id != ".." &&
         std::all_of(id.begin(), id.end(), is_allowed);
}

std::optional<uint32_t> map_to_host(const IdMap& map, uint32_t id) {
  if (map.empty()) return id;
  for (const auto& range : map)
    if (id >= range.container && id - range.container < range.size)
      return range.host + (id - range.container);
  return std::nullopt;
}

}  // namespace pinscope::model
