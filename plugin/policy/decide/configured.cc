#include "plugin/policy/decide/configured.h"

#include <algorithm>

namespace pinscope::policy {

bool has(const model::Container& container, uint32_t capability) {
  return (container.capabilities >> capability & 1U) != 0;
}

bool has_user_namespace(const model::Container& container) {
  return model::namespace_of(container, model::NamespaceKind::kUser).mode !=
         model::Namespace::Mode::kHost;
}

bool has_option(const model::ConfiguredMount& mount, std::string_view option) {
  return std::find(mount.options.begin(), mount.options.end(), option) != mount.options.end();
}

bool maps_hosts_root(const model::Container& container) {
  return std::ranges::any_of(container.uid_map, [](const model::IdMapping& range) {
    return range.host == 0 && range.size != 0;
  });
}

bool is_read_only_itself(const model::ConfiguredMount& mount) {
  bool read_only = false;
  for (const auto& option : mount.options) {
    if (option == "ro" || option == "rw") read_only = option == "ro";
  }
  return read_only;
}

bool is_recursive_volume(const model::ConfiguredMount& mount) {
  return has_option(mount, "rbind");
}

bool is_volume(const model::ConfiguredMount& mount) {
  return mount.type == "bind" || has_option(mount, "bind") || is_recursive_volume(mount);
}

bool is_fresh_bpffs(const model::ConfiguredMount& mount) {
  return mount.type == "bpf" && !is_volume(mount);
}

bool shows_host_proc(const model::ConfiguredMount& mount) {
  const std::string_view source = mount.source;
  return is_volume(mount) && (source == "/proc" || source.starts_with("/proc/") ||
                              (is_recursive_volume(mount) && source == "/"));
}

}  // namespace pinscope::policy
