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

// crun gives "/" as the bundle when it has changed its directory already (user namespaces); its own
// `root` field then leads to the configuration of a bundle that holds its rootfs. What stands
// beside a rootfs may be another user's file, so it counts only if root alone can have written it.
Result<std::string> read_config(oci::State& state) {
  auto file = open_at(AT_FDCWD, join(state.bundle, "config.json"), O_RDONLY | O_NONBLOCK);
  if (!file && file.error().errnum() == ENOENT && state.bundle == "/" && !state.root.empty()) {
    state.bundle = std::string(parent_of(state.root));
    file = open_trusted_file(join(state.bundle, "config.json"));
    if (!file) return std::unexpected(std::move(file).error().with_code(ErrorCode::kConfigInvalid));
  }
  if (!file)
    return std::unexpected(Error::system("open " + quoted(join(state.bundle, "config.json")),
                                         file.error().errnum(), ErrorCode::kConfigInvalid)
                               .hint("the runtime's state names this bundle"));
  return read_all(file->get(), kConfigLimit, join(state.bundle, "config.json"));
}

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
