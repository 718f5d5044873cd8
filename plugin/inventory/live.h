// A record joined with the machine as it is now: is the container's process still that process, is
// its view still there, and are the objects in it still the ones behind the source pins. Reads
// only.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/model/record.h"
#include "plugin/record/change_lock.h"
#include "plugin/record/trace.h"

namespace pinscope::inventory {

enum class ProcessState { kRunning, kGone };
enum class ViewState { kPresent, kMissing, kUnknown };
enum class SourceState {
  kCurrent,  // the source pin still names the object that was granted
  kStale,    // it names another object now: the container goes on seeing the old one
  kGone,     // there is no such pin any more: the container goes on seeing the object
  kSkipped,  // it was missing at start, and the policy said skip
  kWaiting,  // it was missing at start, and the policy said wait
  kUnknown,  // could not be looked at; PinState::problem says why
};

// Of an instance that was sealed: whether its superblock is read-only still. Whoever has
// CAP_SYS_ADMIN in the host's user namespace can change that.
enum class SealState {
  kIntact,
  kBroken,   // it is writable now: what was granted for reading can be written
  kUnknown,  // none of its mounts is in the container's namespace, or it could not be looked at
};

// Whether whoever reads the values of a container gets an answer. A file system of values is never
// asked for that: it would be the service that answers.
enum class ServingState {
  kServed,
  kWaiting,  // the service is away, and readers wait for it
  kLost,     // nobody has its descriptors any more, or nobody serves it: readers get an error
};

struct PinState {
  SourceState source = SourceState::kUnknown;
  uint32_t source_object_id = 0;  // what the source pin names now
  std::string problem;
};

struct Live {
  ProcessState process = ProcessState::kGone;
  ViewState view = ViewState::kUnknown;
  std::vector<std::string> missing_names;  // granted and not found in the view
  bool values_missing = false;             // shown at start, and not there: `view` is kMissing
  // Of values that are where they were attached. Nothing: it was not asked, or not understood.
  std::optional<ServingState> serving;
  std::vector<PinState> pins;  // in the order of Record::pins
  // In the order of Record::instances; nothing of those that were not sealed.
  std::vector<std::optional<SealState>> seals;
  [[nodiscard]] bool seal_is_broken() const;
  [[nodiscard]] size_t stale_count() const;
  [[nodiscard]] bool values_unserved() const;
  [[nodiscard]] size_t waiting_count() const;
};

// "running", "gone"; "present", …: the words of tables and of JSON.
const char* name_of(ProcessState state);
const char* name_of(ViewState state);
const char* name_of(SourceState state);
const char* name_of(SealState state);
const char* name_of(ServingState state);

// The state in a few words: "running", "gone", "incomplete" (the hook did not finish), "view
// missing", "view not seen" (something on the way to it does not answer), "seal broken", "values
// unserved".
std::string summary(const model::Record& record, const Live& live);

// Whether the process that the record names, by pid and start time, still runs.
ProcessState process_of(const model::Record& record);
// process_of() for what is left of a damaged record, any part of which may be wrong: gone only if
// no process is in its mount namespace, either.
ProcessState process_of(const record::Trace& trace);

// Changes the working directory (see kernel::SourceOpener), starts processes. This process must
// have one thread.
class Examiner {
 public:
  using Time = std::chrono::steady_clock::time_point;

  struct Looks {
    std::vector<Live> lives;  // in the order of the records
    size_t left_over = 0;     // how many were not looked at any more
  };

  // `state_directory`: where the lock of whoever looks at a container is; see record/change_lock.h.
  static Result<Examiner> open(const std::string& state_directory);
  [[nodiscard]] Live examine(const model::Record& record) const;
  // All views are looked at in one process, or in as few more as there are containers that do not
  // answer; such a view stays unknown. After `until` nothing is looked at but whether the process
  // runs: views and sources of those that are left over are unknown. A container that does not
  // answer takes up to three seconds, or half of the time from now to `until` if that is less.
  [[nodiscard]] Looks examine_all(std::span<const model::Record> records,
                                  Time until = Time::max()) const;

 private:
  Examiner(Fd proc_self_fd, record::LookLocks locks)
      : proc_self_fd_(std::move(proc_self_fd)), locks_(std::move(locks)) {}
  Fd proc_self_fd_;
  record::LookLocks locks_;
};

}  // namespace pinscope::inventory
