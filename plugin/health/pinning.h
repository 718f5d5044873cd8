// A bpffs of the host in which everybody may pin: whoever has a descriptor for reading there makes
// one for writing, by pinning it again. The kernel's own default is mode 1777; systemd mounts
// /sys/fs/bpf with 0700.
#pragma once

#include <string>
#include <vector>

#include "plugin/model/finding.h"

namespace pinscope::health {

// Nothing but for root.
model::Findings check_pinning();
// `writable`: where a bpffs is mounted that everybody may pin in.
model::Finding judge_pinning(const std::vector<std::string>& writable);

}  // namespace pinscope::health
