#include "plugin/policy/decide/past_view.h"

#include <linux/capability.h>

#include <algorithm>

#include "plugin/base/path.h"
#include "plugin/policy/decide/configured.h"

namespace pinscope::policy {
namespace {

using model::Bypass;

bool is_everything(Bypass bypass) {
  switch (bypass) {
    case Bypass::kCapSysAdmin:   // every object, by its id
    case Bypass::kCapSysModule:  // the kernel
    case Bypass::kOwnFiles:      // the policies themselves
      return true;
    case Bypass::kCapDacReadSearch:
    case Bypass::kCapBpf:
    case Bypass::kCapBpfPrograms:
    case Bypass::kHostBpffs:
    case Bypass::kHostPidNamespace:
    case Bypass::kHostProc:
    case Bypass::kSharedPidNamespace:
    case Bypass::kProgramsReach:
      return false;
  }
  return false;
}

// The directory of the host whose pins the volume shows, if it does.
void add_open_pins(const model::ConfiguredMount& mount, const std::vector<std::string>& places,
                   std::vector<std::string>& directories) {
  if (!shows_bpffs(mount, places)) return;
  for (const auto& place : places) {
    if (is_at_or_below(mount.source, place)) directories.push_back(mount.source);
    if (is_recursive_volume(mount) && is_at_or_below(place, mount.source))
      directories.push_back(place);
  }
}

}  // namespace

PastView find_past_view(const model::Container& container, const Surroundings& around) {
  PastView past;
  past.mounts_bpffs = std::ranges::any_of(container.mounts, [&](const auto& mount) {
    return shows_bpffs(mount, around.bpffs) || is_fresh_bpffs(mount);
  });
  if (!around.shares_user_namespace || container.uid != 0) return past;
  if (has(container, CAP_DAC_OVERRIDE))
    for (const auto& mount : container.mounts) add_open_pins(mount, around.bpffs, past.open_pins);
  // Of a container that no policy selects, not every bypass is looked for.
  model::Decision selected;
  selected.selected_by.emplace_back();
  for (const Bypass bypass : kinds_of(find_bypasses(selected, container, around, {})))
    if (is_everything(bypass)) past.everything.push_back(bypass);
  return past;
}

bool has_past_view(const PastView& past, const model::Decision& decision,
                   const std::string& source) {
  if (!past.everything.empty()) return true;
  const bool hides = decision.selected() && decision.host_bpffs != model::HostBpffs::kAllow;
  return !hides && std::ranges::any_of(past.open_pins, [&](const std::string& directory) {
    return is_at_or_below(source, directory);
  });
}

}  // namespace pinscope::policy
