// What is known of the machine at one moment: what gather.h finds, and families.h turns into
// numbers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plugin/inventory/entries.h"
#include "plugin/inventory/follow_service.h"
#include "plugin/inventory/values_service.h"
#include "plugin/metrics/counters.h"

namespace pinscope::metrics {

// Which policies the next container meets.
enum class PolicyState {
  kNone,     // there is no policy: every container is left alone
  kCurrent,  // the set in force is what the files say
  kChanged,  // the files have changed since; the next start looks at them
  kRefused,  // the newest edit has an error: the last good set is in force
  kMissing,  // there are files, and no set of them was ever accepted
  kUnknown,  // could not be looked at
};

struct PolicyFacts {
  PolicyState state = PolicyState::kUnknown;
  std::vector<std::string> names;  // of those in force
  std::optional<uint64_t> compiled_at_ns;
};

struct MapFact {
  std::string pin;  // the source of a grant that a running container has
  uint32_t max_entries = 0;
  std::optional<uint64_t> memory;  // bytes
};

struct AuditFacts {
  uint64_t size = 0;     // bytes
  uint64_t unread = 0;   // bytes that are not counted yet
  uint64_t waiting = 0;  // bytes of lines that wait for space
  Counters counters;
  uint64_t since_ns = 0;  // CLOCK_REALTIME: when the counters were 0
};

// A part that could not be looked at is not there, and its name is in `failed`.
struct Facts {
  std::string version;
  std::optional<inventory::Entries> entries;
  std::optional<std::map<std::string, uint64_t>> leftovers;  // by kind: what gc would remove
  std::optional<PolicyFacts> policies;
  std::optional<std::vector<MapFact>> maps;  // by pin, each once
  std::optional<AuditFacts> audit;
  std::optional<std::map<std::string, uint64_t>> drift;    // by kind, all that there are
  std::optional<std::map<std::string, uint64_t>> notices;  // by kind, all that there are
  std::optional<inventory::ValuesService> values;
  std::optional<inventory::FollowService> follow;
  double seconds = 0;  // that it took to find all this
};

}  // namespace pinscope::metrics
