// What was done to one container: written by record/ before and after the machine is changed, read
// back by poststop, list, inspect and gc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/model/decision.h"

namespace pinscope::model {

// What a grant turned into. `object_id` is the kernel's id of the map, program or link; 0 where the
// source was missing and the policy said skip.
struct PinnedObject {
  std::string name;
  std::string source;
  Access access = Access::kRead;
  ObjectKind kind = ObjectKind::kMap;
  uint32_t type = 0;  // enum bpf_map_type, bpf_prog_type or bpf_link_type
  uint32_t object_id = 0;
  uint32_t uid = 0;  // as the container sees them
  uint32_t gid = 0;
  uint32_t mode = 0;
  bool skipped = false;
  Rule rule;
};

struct Record {
  enum class State {
    kIntended,  // the hook is at work, or was killed at it
    kApplied,
  };
  State state = State::kIntended;
  std::string id;
  std::string bundle;
  std::string rootfs;
  pid_t pid = 0;
  uint64_t process_start =
      0;  // field 22 of /proc/PID/stat, clock ticks since boot: tells a reused pid
  uint64_t mount_namespace = 0;  // inode number of the container's mount namespace
  Engine engine = Engine::kUnknown;
  std::optional<uint32_t> uid;  // of a session of the host: the user's
  Identity identity;
  uint64_t created_ns = 0;  // CLOCK_REALTIME, nanoseconds
  std::string version;      // of the hook that wrote this
  std::string at;
  Layout layout = Layout::kShared;
  HostBpffs host_bpffs = HostBpffs::kMask;
  std::vector<Rule> selected_by;
  std::vector<PinnedObject> pins;
  std::vector<RefusedPin> refusals;
  std::optional<Delegation> delegation;
};

// One line of the audit trail.
struct AuditEvent {
  enum class Outcome { kGranted, kRefused, kRemoved, kPolicyRejected, kPolicyAccepted, kCollected };
  Outcome outcome = Outcome::kGranted;
  std::string stage;  // the hook stage, or the command
  std::string container_id;
  std::string bundle;
  pid_t pid = 0;
  Engine engine = Engine::kUnknown;
  std::optional<uint32_t> uid;  // of a session of the host: the user's
  Identity identity;
  std::vector<Rule> selected_by;
  std::vector<PinnedObject> pins;
  std::vector<RefusedPin> refusals;
  std::vector<std::string> notes;  // of the decision
  std::optional<Delegation> delegation;
  std::string error_code;    // of a refusal: see base/error.h
  std::string error;         // its sentence
  uint64_t time_ns = 0;      // CLOCK_REALTIME
  uint64_t duration_ns = 0;  // of the whole hook so far
};

}  // namespace pinscope::model
