// What deciding asks the host, so that it stays pure itself: the pipeline answers from the kernel,
// tests answer from a table.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/model/host_pins.h"
#include "plugin/model/policy.h"

namespace pinscope::policy {

struct HostView {
  // Whether the container's namespace of this kind is the one at `path` on the host. `path` that is
  // not there: false.
  std::function<bool(const model::Container&, model::NamespaceKind, const std::string& path)>
      same_namespace;
  std::function<Result<model::MatchingPins>(const model::Pattern& glob)> pins_matching;
  // Asked only if something is denied and something else is left. Absent where no objects can be
  // looked at: then denials go by names alone.
  std::function<Result<model::Comparison>(const std::vector<std::string>& sources,
                                          const model::DeniedPins&)>
      compare_objects = {};
  // What the sources are, in their order; nothing for one whose pin is gone or does not open. Asked
  // only about matches of globs that have a name in common with another grant. Absent where no
  // objects can be looked at: then all of them are wanted.
  std::function<Result<std::vector<std::optional<model::ObjectInfo>>>(
      const std::vector<std::string>& sources)>
      objects_at = {};
  // Whether this kernel lets whoever may load a program reach the whole machine with it. Asked only
  // where it matters; without an answer it does.
  std::function<bool()> programs_reach_machine = {};
};

}  // namespace pinscope::policy
