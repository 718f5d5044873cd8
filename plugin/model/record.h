// The record of what was done to one container. record/ writes it before and after the machine is
// changed; poststop, list, inspect and gc read it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/model/exception.h"
#include "plugin/model/given.h"
#include "plugin/model/instance.h"

namespace pinscope::model {

struct Record {
  enum class State {
    kIntended,  // the hook is at work, or was killed at it
    kApplied,
  };
  State state = State::kIntended;
  Given given;
  std::string rootfs;
  uint64_t process_start =
      0;  // field 22 of /proc/PID/stat, clock ticks since boot: tells a reused pid
  uint64_t mount_namespace = 0;  // inode number of the container's mount namespace
  uint64_t created_ns = 0;       // CLOCK_REALTIME, nanoseconds
  std::string version;           // of the hook that wrote this
  std::string at;
  Layout layout = Layout::kShared;
  HostBpffs host_bpffs = HostBpffs::kMask;
  OnChange on_change = OnChange::kReport;
  std::vector<FollowedPattern> followed;  // beside the pins, which say it of themselves
  // Of the view, once it is applied; records of earlier versions have none.
  std::vector<ViewInstance> instances;
  // Of views that it had before and that are below this one, where the kernel could not take them
  // away.
  std::vector<ViewInstance> beneath;
  // Of a view that is being put in the place of this one. If nobody is at it any more, whoever was
  // at it was killed, and either of them is seen.
  std::vector<ViewInstance> unfinished;
  // When its view was changed last, and by which user; nothing if it never was.
  std::optional<uint64_t> changed_ns;  // CLOCK_REALTIME, nanoseconds
  std::optional<uint32_t> changed_by;
  // What counts beside the policies, until it has run out or the container ends: by number. Those
  // that have run out stay until they are undone.
  std::vector<Exception> exceptions;
  friend bool operator==(const Record&, const Record&) = default;
};

// The policies that came into force, and what is different from those before. Names in the order
// of the files.
struct AcceptedPolicies {
  std::string digest;  // SHA-256 of their compiled form, without times: the same on every machine
  std::vector<std::string> names;
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::vector<std::string> changed;
};

// One line of the audit trail.
struct AuditEvent {
  enum class Outcome {
    kGranted,
    kRefused,
    kRemoved,
    kPolicyRejected,
    kPolicyAccepted,
    kCollected,
    kChanged,
    kNotChanged,
  };
  Outcome outcome = Outcome::kGranted;
  std::string stage;  // the hook stage, or the command
  Given given;
  std::vector<std::string> notes;  // of the decision
  std::string error_code;          // of a refusal or a failure: see base/error.h
  std::string error;               // its sentence
  std::vector<Rule> rules;         // of policies that disagree: what the error is about
  std::optional<AcceptedPolicies> accepted;
  std::optional<Caller> by;                 // of a change
  std::vector<ExceptionChange> exceptions;  // likewise
  uint64_t time_ns = 0;                     // CLOCK_REALTIME
  uint64_t duration_ns = 0;                 // of the whole hook so far
};

}  // namespace pinscope::model
