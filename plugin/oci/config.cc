#include "plugin/oci/config.h"

#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "plugin/oci/capabilities.h"
#include "plugin/oci/identity.h"
#include "plugin/oci/seccomp.h"

namespace pinscope::oci {
namespace {

using model::Container;
using model::NamespaceKind;

Result<uint32_t> read_id(const JsonView& value) {
  PINSCOPE_TRY(const uint64_t number, value.as_unsigned());
  if (number > std::numeric_limits<uint32_t>::max())
    return std::unexpected(value.make_error("larger than 32 bits"));
  return static_cast<uint32_t>(number);
}

Result<uint32_t> read_id_or(const JsonView& object, std::string_view key, uint32_t missing) {
  PINSCOPE_TRY(const auto found, object.find(key));
  if (!found) return missing;
  return read_id(*found);
}

Result<std::vector<JsonView>> read_list(const JsonView& object, std::string_view key) {
  PINSCOPE_TRY(const auto found, object.find(key));
  if (!found) return std::vector<JsonView>{};
  return found->elements();
}

// A relative root.path is relative to the bundle.
Status read_root(const JsonView& config, const State& state, Container& container) {
  PINSCOPE_TRY(const auto root, config.find("root"));
  if (!root) return std::unexpected(config.make_error("the root is missing"));
  PINSCOPE_TRY(const auto path, root->string_or("path", ""));
  if (path.empty()) return std::unexpected(root->make_error("the path is missing"));
  container.rootfs = join(state.bundle, path);
  return {};
}

// In the order of the text.
Result<Annotations> read_annotations(const JsonView& config) {
  PINSCOPE_TRY(const auto found, config.find("annotations"));
  if (!found) return Annotations{};
  PINSCOPE_TRY(const auto members, found->members());
  Annotations annotations;
  annotations.reserve(members.size());
  for (const auto& [key, value] : members) {
    PINSCOPE_TRY(const auto text, value.as_string());
    annotations.emplace_back(key, text);
  }
  return annotations;
}

Status read_texts(const JsonView& object, std::string_view key, std::vector<std::string>& texts) {
  PINSCOPE_TRY(const auto list, read_list(object, key));
  texts.reserve(list.size());
  for (const auto& entry : list) {
    PINSCOPE_TRY(const auto text, entry.as_string());
    texts.emplace_back(text);
  }
  return {};
}

Status read_user(const JsonView& process, Container& container) {
  PINSCOPE_TRY(const auto user, process.find("user"));
  if (!user) return {};
  PINSCOPE_TRY(container.uid, read_id_or(*user, "uid", 0));
  PINSCOPE_TRY(container.gid, read_id_or(*user, "gid", 0));
  PINSCOPE_TRY(const auto gids, read_list(*user, "additionalGids"));
  for (const auto& gid : gids) {
    PINSCOPE_TRY(const uint32_t number, read_id(gid));
    container.additional_gids.push_back(number);
  }
  return {};
}

// What the process has, and what it may get by executing a file, as root or one with capabilities
// of its own: all are within its reach. The live process would not tell: runtimes set them last.
Status read_capabilities(const JsonView& process, Container& container) {
  PINSCOPE_TRY(const auto capabilities, process.find("capabilities"));
  if (!capabilities) return {};
  for (const std::string_view set :
       {"bounding", "permitted", "effective", "inheritable", "ambient"}) {
    PINSCOPE_TRY(const auto names, read_list(*capabilities, set));
    for (const auto& name : names) {
      PINSCOPE_TRY(const auto text, name.as_string());
      if (const auto number = capability_number(text))
        container.capabilities |= uint64_t{1} << *number;
      else if (!is_plain_capability(text))
        container.capabilities = ~uint64_t{0};  // whatever the runtime makes of it
    }
  }
  return {};
}

Status read_process(const JsonView& config, Container& container) {
  PINSCOPE_TRY(const auto process, config.find("process"));
  if (!process) return {};
  PINSCOPE_CHECK(read_user(*process, container));
  PINSCOPE_CHECK(read_capabilities(*process, container));
  PINSCOPE_TRY(container.apparmor_profile, process->string_or("apparmorProfile", ""));
  PINSCOPE_TRY(container.selinux_label, process->string_or("selinuxLabel", ""));
  return {};
}

// The specification's words for namespaces, which are not the kernel's.
std::optional<NamespaceKind> namespace_kind(std::string_view type) {
  constexpr std::array<std::pair<std::string_view, NamespaceKind>, model::kNamespaceKinds> kTypes =
      {{
          {"pid", NamespaceKind::kPid},
          {"network", NamespaceKind::kNet},
          {"mount", NamespaceKind::kMount},
          {"ipc", NamespaceKind::kIpc},
          {"uts", NamespaceKind::kUts},
          {"user", NamespaceKind::kUser},
          {"cgroup", NamespaceKind::kCgroup},
          {"time", NamespaceKind::kTime},
      }};
  for (const auto& [name, kind] : kTypes)
    if (name == type) return kind;
  return std::nullopt;
}

// A kind that is not listed is shared with the runtime, that is, the host's.
Status read_namespaces(const JsonView& linux, Container& container) {
  PINSCOPE_TRY(const auto list, read_list(linux, "namespaces"));
  for (const auto& entry : list) {
    PINSCOPE_TRY(const auto type, entry.string_or("type", ""));
    const auto kind = namespace_kind(type);
    if (!kind) continue;  // newer than this
    auto& target = container.namespaces[static_cast<size_t>(*kind)];
    if (target.mode != model::Namespace::Mode::kHost)
      return std::unexpected(entry.make_error("the namespace " + quoted(type) + " appears twice"));
    PINSCOPE_TRY(target.path, entry.string_or("path", ""));
    target.mode =
        target.path.empty() ? model::Namespace::Mode::kPrivate : model::Namespace::Mode::kPath;
  }
  return {};
}

Result<model::IdMap> read_id_map(const JsonView& linux, std::string_view key) {
  PINSCOPE_TRY(const auto list, read_list(linux, key));
  model::IdMap map;
  for (const auto& entry : list) {
    model::IdMapping mapping;
    PINSCOPE_TRY(mapping.container, read_id_or(entry, "containerID", 0));
    PINSCOPE_TRY(mapping.host, read_id_or(entry, "hostID", 0));
    PINSCOPE_TRY(mapping.size, read_id_or(entry, "size", 0));
    map.push_back(mapping);
  }
  return map;
}

Status read_linux(const JsonView& config, Container& container) {
  PINSCOPE_TRY(const auto linux, config.find("linux"));
  if (!linux) return {};
  PINSCOPE_CHECK(read_namespaces(*linux, container));
  PINSCOPE_TRY(container.uid_map, read_id_map(*linux, "uidMappings"));
  PINSCOPE_TRY(container.gid_map, read_id_map(*linux, "gidMappings"));
  PINSCOPE_TRY(container.rootfs_propagation, linux->string_or("rootfsPropagation", ""));
  PINSCOPE_CHECK(read_texts(*linux, "maskedPaths", container.masked_paths));
  PINSCOPE_CHECK(read_texts(*linux, "readonlyPaths", container.readonly_paths));
  PINSCOPE_TRY(const auto seccomp, read_seccomp(*linux));
  if (seccomp) {
    container.seccomp_bpf = seccomp->verdict();
    container.seccomp_commands = seccomp->allowed();
  }
  return {};
}

Status read_mounts(const JsonView& config, Container& container) {
  PINSCOPE_TRY(const auto list, read_list(config, "mounts"));
  container.mounts.reserve(list.size());
  for (const auto& entry : list) {
    model::ConfiguredMount mount;
    PINSCOPE_TRY(mount.destination, entry.string_or("destination", ""));
    PINSCOPE_TRY(mount.type, entry.string_or("type", ""));
    PINSCOPE_TRY(mount.source, entry.string_or("source", ""));
    PINSCOPE_CHECK(read_texts(entry, "options", mount.options));
    container.mounts.push_back(std::move(mount));
  }
  return {};
}

}  // namespace

Result<Container> read_container(const State& state, std::string config_json,
                                 model::Engine engine) {
  PINSCOPE_TRY(const auto document,
               JsonDocument::parse(std::move(config_json), join(state.bundle, "config.json"),
                                   ErrorCode::kConfigInvalid));
  const JsonView config = document.root();
  Container container;
  container.id = state.id;
  container.bundle = state.bundle;
  container.pid = state.pid;
  container.engine = engine;
  PINSCOPE_CHECK(read_root(config, state, container));
  PINSCOPE_CHECK(read_process(config, container));
  PINSCOPE_CHECK(read_linux(config, container));
  PINSCOPE_CHECK(read_mounts(config, container));
  PINSCOPE_TRY(container.annotations, read_annotations(config));
  container.identity = read_identity(container.annotations, engine, container.bundle);
  return container;
}

}  // namespace pinscope::oci
