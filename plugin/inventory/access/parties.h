// Who there is on a machine, as far as access to BPF objects goes: the processes of each mount
// namespace, with what they may do.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "plugin/inventory/machine/machine.h"
#include "plugin/kernel/process/credentials.h"
#include "plugin/model/bypass.h"

namespace pinscope::inventory {

struct Party {
  Space space;
  std::optional<size_t> place;  // in Machine::spaces; none: it has no bpffs
  // One thread of a process for each that may do something else than those before it.
  std::vector<kernel::Credentials> processes;
  // What may be in its reach, beside what its processes may do: one line each.
  struct Doubt {
    std::string text;
    model::Bypass bypass = model::Bypass::kSharedPidNamespace;
  };
  std::vector<Doubt> doubts = {};
  std::vector<std::string> mount_points = {};  // in its namespace, one for each mount
  size_t not_seen = 0;                         // processes of it of which that could not be told

  // Processes of the host, with its root directory, which neither a record nor a runtime knows:
  // they count as one.
  [[nodiscard]] bool is_of_host() const {
    return space.is_host || (space.has_hosts_root && space.id().empty());
  }
};

// Those that a machine has. Of the host's the processes are not looked at, because root there may
// everything. A process that has ended meanwhile is left out.
Result<std::vector<Party>> look_at_parties(const Machine& machine);

// One of them, whose processes are looked at in any case.
Result<Party> look_at_party(Space space, std::optional<size_t> place);

}  // namespace pinscope::inventory
