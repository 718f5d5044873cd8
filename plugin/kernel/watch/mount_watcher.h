// Watches the mount namespaces of containers: says what was mounted in them, or taken away, after
// their start. For the loop of a program: no thread, nothing that waits, and no namespace entered.
//
//   PINSCOPE_TRY(auto watcher, MountWatcher::open());
//   watcher.add(key, process, now);                 // then look at it: later changes are told
//   poll(watcher.fd(), POLLIN, until watcher.next());
//   for (const auto& change : watcher.take(now)) ...
//
// Linux 6.15 tells events of namespaces, of which several share one queue: who is woken compares
// the mounts of those few with what they were. Older kernels say only that a mount table has
// changed, by a descriptor that keeps the namespace: it is closed when the container's process
// ends. Namespaces for which neither is left are looked at every `sweep`, by their mounts' ids, or,
// before Linux 6.11, told as "look again".
//
// Whoever mounts in a loop is heard less and less often (backoff.h), and so are those that share
// the queue.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/kernel/process/process.h"
#include "plugin/kernel/watch/backoff.h"
#include "plugin/kernel/watch/mount_events.h"
#include "plugin/kernel/watch/namespace_mounts.h"

namespace pinscope::kernel {

// What has happened in a container's mount namespace since it was last told.
struct MountChange {
  uint64_t key = 0;
  std::vector<AttachedMount> attached;  // and is still there; moved mounts, too
  std::vector<uint64_t> detached;
  bool look_again = false;  // there may be more than that
  bool is_gone = false;     // the namespace or its process has ended: it is not watched any more
};

class MountWatcher {
 public:
  using Time = Backoff::Time;

  struct Limits {
    bool by_events = true;  // false: as before Linux 6.15
    size_t queues = 64;     // of events; a user may have 128 (fs.fanotify.max_user_groups)
    size_t tables = 1024;   // mount tables that are open, two descriptors each
    size_t ids = 1024;      // of mounts that are remembered for each namespace
    size_t attached = 64;   // that one change tells
    size_t reads = 64;      // of 32 KiB of events, for each queue in one take()
    size_t looks = 1024;    // namespaces that one take() looks at for no event of theirs
    std::chrono::milliseconds sweep{5000};
    Backoff::Limits backoff;
  };

  struct Counters {
    uint64_t events = 0;
    uint64_t overflows = 0;  // events were lost
    uint64_t waits = 0;      // a change was told later, because there were many before it
    uint64_t pauses = 0;     // a queue was not listened to for a time
    uint64_t looks = 0;      // the mounts of a namespace were listed
    size_t by_events = 0;    // namespaces, by how they are watched
    size_t by_table = 0;
    size_t by_sweep = 0;
    size_t queues = 0;
    size_t slowed = 0;  // queues and tables whose changes are told later
  };

  static Result<MountWatcher> open(const Limits& limits);
  static Result<MountWatcher> open() { return open(Limits()); }

  // Watches the mount namespace that the process is in, instead of what had the key. kProcessGone
  // if it has ended.
  Status add(uint64_t key, const ContainerProcess& process, Time now);
  void remove(uint64_t key);

  // To wait for POLLIN, after a first take().
  [[nodiscard]] int fd() const { return wake_.get(); }
  // When take() has something to do without an event.
  [[nodiscard]] Time next() const;
  // At most one change for each key, in their order. At any time.
  std::vector<MountChange> take(Time now);

  [[nodiscard]] Counters counters(Time now) const;

 private:
  enum class How { kEvents, kTable, kSweep };
  struct Space {
    uint64_t key = 0;
    How how = How::kSweep;
    uint64_t id = 0;  // of the namespace, by which the kernel lists its mounts; 0: it does not
    Fd process;       // a pidfd; not valid when the process has ended
    size_t queue = 0;
    std::vector<uint64_t> ids;  // sorted
    bool are_all = true;        // of its mounts
    Fd to_wake;                 // mountinfo; two, because to poll it takes the answer away
    Fd to_ask;
    bool is_waiting = false;
  };
  struct Queue {
    MountEvents events;
    std::set<uint64_t> keys;
    bool is_paused = false;   // its namespaces are not watched
    bool is_waiting = false;  // its events are not read
  };
  // What was read from a queue.
  struct Heard {
    std::set<uint64_t> moved;
    bool were_lost = false;
  };

  MountWatcher(const Limits& limits, Fd wake);
  bool watch_by_events(Space& space);
  void unmark(Space& space);
  std::optional<size_t> emptiest_queue();
  void watch_by_table(Space& space, const ContainerProcess& process);
  void let_go(Space& space);
  [[nodiscard]] bool wake_for(int fd, uint32_t events, uint64_t what, int operation) const;

  void take_woken(Time now);
  void take_queue(size_t number, Time now);
  void look_at_queue(size_t number, Time now);
  Heard read_queue(Queue& queue, size_t number, Time now, bool& is_loud);
  void pause(Queue& queue, size_t number, Time now);
  void resume(Queue& queue);
  void take_tables(Time now);
  void take_turns(Time now);
  void take_sweep(Time now);
  void end_process(Space& space);
  void look(Space& space, const Heard& heard);
  void tell_attached(const Space& space, const std::vector<uint64_t>& ids);
  MountChange& change(uint64_t key);
  void lose(uint64_t key);

  Limits limits_;
  Fd wake_;  // epoll
  std::unordered_map<uint64_t, Space> spaces_;
  std::unordered_map<int, uint64_t> by_process_;  // keys by pidfd
  std::vector<Queue> queues_;
  bool may_have_more_queues_ = true;
  size_t tables_ = 0;
  Backoff by_queue_;
  Backoff by_table_;
  std::map<uint64_t, MountChange> changes_;
  std::set<uint64_t> to_sweep_;  // keys that are left of this sweep
  std::optional<Time> next_sweep_;
  Counters counters_;
};

}  // namespace pinscope::kernel
