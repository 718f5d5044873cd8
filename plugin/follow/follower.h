// Which running containers may have a view by now that is not what their policies say: because a
// source that they follow changed, their record is new, policies changed, somebody mounted a bpffs
// in them or took their view away, an exception ran out, or a change did not succeed. For the loop
// of a program: no thread, nothing that waits, and nothing that is done to a container.
//
//   PINSCOPE_TRY(auto follower, Follower::open(state_directory, policies));
//   poll(follower.fd(), POLLIN, until follower.next());
//   for (const auto& due : follower.take(now, most)) ...  // bring it up to date
//   follower.failed(due.file, now);                       // to be told of it again, later
//
// A container whose sources change without end has its turn less and less often, and takes no turn
// from others.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/follow/containers.h"
#include "plugin/follow/policy_files.h"
#include "plugin/kernel/watch/backoff.h"
#include "plugin/kernel/watch/mount_watcher.h"
#include "plugin/kernel/watch/pin_watcher.h"

namespace pinscope::follow {

struct Due {
  std::string file;  // of its record
  std::string id;
  bool has_run_out = false;  // an exception, which is to be undone
};

class Follower {
 public:
  using Time = kernel::Backoff::Time;

  struct Limits {
    kernel::PinWatcher::Limits pins;
    kernel::MountWatcher::Limits mounts;
    kernel::Backoff::Limits turns;  // of a container whose sources change
    // And of one that could not be brought up to date.
    kernel::Backoff::Limits retries = {.first = std::chrono::milliseconds(500),
                                       .short_waits = 0,
                                       .longest = std::chrono::milliseconds(60'000),
                                       .calm = std::chrono::milliseconds(120'000),
                                       .window = std::chrono::milliseconds(500)};
    std::chrono::milliseconds verify{60'000};   // between two looks at all records
    std::chrono::milliseconds policies{5'000};  // and at the files of policies
  };
  struct Counters {
    size_t containers = 0;  // that have a record
    size_t unreadable = 0;  // records
    size_t waiting = 0;     // containers that wait for their turn
    size_t slowed = 0;      // of them, those whose waits grow
    size_t retrying = 0;    // and those that could not be brought up to date the last time
    uint64_t source_changes = 0;
    uint64_t policy_changes = 0;
    uint64_t mount_changes = 0;
    kernel::PinWatcher::Counters pins;
    kernel::MountWatcher::Counters mounts;
  };

  // kSystem, kRecord.
  static Result<Follower> open(const std::string& state_directory, const std::string& policies,
                               const Limits& limits);

  // To wait for POLLIN, after a first take(), which gives every container.
  [[nodiscard]] int fd() const { return wake_.get(); }
  [[nodiscard]] Time next() const;
  std::vector<Due> take(Time now, size_t most);
  // The container could not be brought up to date: it has another turn, later each time.
  void failed(const std::string& file, Time now);

  // As Containers::first_end().
  [[nodiscard]] uint64_t first_end() const { return containers_.first_end(); }
  [[nodiscard]] Counters counters(Time now) const;

 private:
  Follower(Containers containers, kernel::PinWatcher pins, kernel::MountWatcher mounts,
           PolicyFiles policies, Fd proc, Fd wake, const Limits& limits);
  void take_mounts(Time now);
  void watch_mounts(const std::string& file, Time now);
  void take_up(Containers::Change change, Time now);
  void ask(const std::string& file, Time now);
  [[nodiscard]] bool waits_to_try_again(const std::string& file) const;
  void make_ready(uint64_t key);
  [[nodiscard]] uint64_t key_of(const std::string& file);

  Containers containers_;
  kernel::PinWatcher pins_;
  kernel::MountWatcher mounts_;
  PolicyFiles policies_;
  Fd proc_;
  Fd wake_;  // epoll of the four
  Limits limits_;
  kernel::Backoff turns_;
  kernel::Backoff retries_;
  std::unordered_map<std::string, uint64_t> keys_;
  std::unordered_map<uint64_t, std::string> files_;
  uint64_t last_key_ = 0;
  std::vector<uint64_t> ready_;  // keys that may have their turn
  std::set<uint64_t> is_ready_;
  Time verify_at_;
  Time policies_at_;
  uint64_t source_changes_ = 0;
  uint64_t policy_changes_ = 0;
  uint64_t mount_changes_ = 0;
};

}  // namespace pinscope::follow
