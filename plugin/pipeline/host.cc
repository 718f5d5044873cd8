#include "plugin/pipeline/host.h"

#include <fcntl.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "plugin/base/file.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/kernel/process.h"
#include "plugin/policy/commands.h"
#include "plugin/policy/glob.h"

namespace pinscope {
namespace {

// A glob that matches more pins than this is a mistake in the policy.
constexpr size_t kMostPins = 4096;

}  // namespace

Result<std::vector<std::string>> pins_matching(const model::Pattern& glob) {
  return kernel::list_pins(
      policy::literal_prefix(glob),
      [&](const std::string& path) { return policy::glob_matches(glob, path); }, kMostPins);
}

model::HostView host_before_start() {
  return {
      [](const model::Container& container, model::NamespaceKind kind, const std::string& path) {
        const auto& configured = namespace_of(container, kind);
        return configured.mode == model::Namespace::Mode::kPath &&
               kernel::same_namespace(configured.path, path);
      },
      pins_matching};
}

model::BpfCommands commands_for(const model::Decision& decision, kernel::SourceOpener& sources) {
  model::BpfCommands commands;
  for (const auto& grant : decision.grants) {
    std::optional<model::ObjectKind> kind = grant.expect.kind;
    std::optional<uint32_t> map_type = grant.expect.map_type;
    if (!kind || (*kind == model::ObjectKind::kMap && !map_type)) {
      if (const auto source = sources.open(grant)) {
        kind = source->info.kind;
        if (*kind == model::ObjectKind::kMap) map_type = source->info.type;
      }
    }
    commands = commands | policy::commands_for(grant.access, kind, map_type);
  }
  if (decision.delegation) commands = commands | policy::commands_for(*decision.delegation);
  return commands;
}

}  // namespace pinscope
