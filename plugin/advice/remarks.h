// What a decision does not say, and its reader has to know: what makes a view void (the container
// can walk round it), unreachable (it is there, and the container cannot use it), or wider than it
// looks. Pure: from the container's configuration and the decision alone. docs/threat-model.md has
// the facts behind each.
#pragma once

#include <string>
#include <vector>

#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/policy/decide/bypass.h"

namespace pinscope::advice {

struct Remark {
  enum class Kind {
    kRefuses,      // the container does not start
    kVoid,         // the policy does not hold against this container
    kUnreachable,  // the container cannot use what it is granted
    kNote,         // a right that comes along with a grant
  } kind = Kind::kNote;
  std::string code;    // a stable name: seccomp, cap-sys-admin, …
  std::string text;    // what is the matter
  std::string action;  // what to do; may be empty
};

const char* name_of(Remark::Kind kind);  // "refuses", "void", "unreachable", "note"

// What the grants need of bpf(2), which the seccomp profile may refuse.
struct NeededCommands {
  model::BpfCommands commands;
  // Those that the profile would refuse even if pinscope-runtime had widened it.
  model::BpfCommands still_refused;
};

// `host_bpffs`: where bpffs are mounted on the host. `host_mounts`: see policy::Surroundings. What
// stops the start or voids the view comes first.
std::vector<Remark> remarks_on(const model::Container& container, const model::Decision& decision,
                               const std::vector<std::string>& host_bpffs,
                               const NeededCommands& needed = {},
                               const policy::Surroundings::Mounts& host_mounts = {});

}  // namespace pinscope::advice
