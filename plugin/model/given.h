// What a container was given: the same value in its record and in each line of the audit trail
// about it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/model/bypass.h"
#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/model/object.h"

namespace pinscope::model {

// What a grant turned into.
struct PinnedObject {
  GrantedPin grant;
  ObjectInfo object;     // that was pinned; not filled in where nothing was
  bool skipped = false;  // the source was missing, and the policy said skip or wait
  // Whether the view waits for its source.
  [[nodiscard]] bool waits() const { return skipped && grant.missing == Missing::kWait; }
  friend bool operator==(const PinnedObject&, const PinnedObject&) = default;
};

// To whom, by which rules, and what.
struct Given {
  std::string id;  // the container's
  std::string bundle;
  pid_t pid = 0;
  Engine engine = Engine::kUnknown;
  std::optional<uint32_t> uid;  // of a session of the host: the user's
  Identity identity;
  std::vector<Rule> selected_by;
  std::vector<PinnedObject> pins;
  std::vector<RefusedPin> refusals;
  std::optional<Delegation> delegation;
  std::optional<std::string> values_at;  // where the values are that it can read, if any are shown
  // What was taken away: where in the container a bpffs was mounted that is detached now.
  std::vector<std::string> hidden;
  std::vector<Bypass> bypasses;  // what makes the view void, each once
  friend bool operator==(const Given&, const Given&) = default;
};

}  // namespace pinscope::model
