#include "plugin/advice/configured.h"

#include <algorithm>

namespace pinscope::advice {

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

}  // namespace pinscope::advice
