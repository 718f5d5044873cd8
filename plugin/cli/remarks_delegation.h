// The remarks on what a container may load by itself (delegate), and what they share with the
// others. Internal to cli/remarks*.cc.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "plugin/cli/remarks.h"

namespace pinscope::cli {

inline bool has(const model::Container& container, uint32_t capability) {
  return (container.capabilities >> capability & 1U) != 0;
}

inline bool has_user_namespace(const model::Container& container) {
  return model::namespace_of(container, model::NamespaceKind::kUser).mode !=
         model::Namespace::Mode::kHost;
}

inline bool has_option(const model::ConfiguredMount& mount, std::string_view option) {
  return std::find(mount.options.begin(), mount.options.end(), option) != mount.options.end();
}

// The remarks; none where nothing is delegated.
std::vector<Remark> remarks_on_delegation(const model::Container& container,
                                          const model::Decision& decision);

}  // namespace pinscope::cli
