// What a container has whatever policies grant it, by its configuration alone: the measure of what
// a grant adds. Pure. Only what is certain counts, because what counts here makes a grant look like
// no more than before.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/model/bypass.h"
#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/policy/decide/bypass.h"

namespace pinscope::policy {

struct PastView {
  // Whether it has a bpffs mounted, which view.hostBpffs is about; unset: not known.
  std::optional<bool> mounts_bpffs;
  // Directories of the host, on a bpffs, of which its process opens every pin, while nothing hides
  // them: those of volumes, for root of the host with CAP_DAC_OVERRIDE.
  std::vector<std::string> open_pins;
  // The bypasses by which root of the host has every object of the machine. Not those that lead to
  // some objects, or by way of other processes, or on some kernels only.
  std::vector<model::Bypass> everything;
};

// `container`: with sources of mounts as they resolve, and namespaces that it shares with the host
// as the host's (Explanation::seen).
PastView find_past_view(const model::Container& container, const Surroundings& around);

// Whether the container has all that can be done with what is pinned at `source`, beside its view.
bool has_past_view(const PastView& past, const model::Decision& decision,
                   const std::string& source);

}  // namespace pinscope::policy
