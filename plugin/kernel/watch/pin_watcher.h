// Watches the sources of grants: says which of them may name another object than before, because a
// pin was made anew at its path, appeared, or disappeared, or something was mounted over it or
// taken away. For the loop of a program: no thread, and nothing that waits.
//
//   PINSCOPE_TRY(auto watcher, PinWatcher::open());
//   watcher.add(sources, now);                      // then look at them: later changes are told
//   poll(watcher.fd(), POLLIN, until watcher.next());
//   for (uint64_t id : watcher.take(now)) ...       // look at this source
//
// Paths are those of the machine's mount namespace (machine.h). A symbolic link is not followed: a
// source behind one is missing, as for a start. Only directories of a bpffs are watched, and what
// is on the way to one; a file system that may never answer is asked nothing.
//
// Whoever pins and unpins in a loop is heard less and less often (backoff.h), for each directory by
// itself. Where there are more directories than may be watched, the rest is looked at every
// `sweep`. What the kernel tells nobody, such as that a directory above a mount is renamed, is
// found every `verify`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/kernel/watch/backoff.h"
#include "plugin/kernel/watch/inotify.h"
#include "plugin/kernel/watch/mount_ways.h"
#include "plugin/kernel/watch/watched_tree.h"

namespace pinscope::kernel {

class PinWatcher {
 public:
  using Time = Backoff::Time;

  struct Limits {
    size_t watches = 8192;  // directories; those that only globs came upon get half of them at most
    size_t entries = 16384;  // names that are read of a directory in which a glob looks for others
    size_t looks = 2048;     // directories that one take() looks at
    size_t reads = 64;       // of 32 KiB of events, in one take()
    std::chrono::milliseconds sweep{2000};
    std::chrono::milliseconds verify{60'000};
    Backoff::Limits backoff;
    WatchedTree::Limits globs;
  };

  // What happened since open(), and how it is now.
  struct Counters {
    uint64_t events = 0;
    uint64_t overflows = 0;      // events were lost, and everything may have changed
    uint64_t waits = 0;          // a change was told later, because there were many before it
    uint64_t pauses = 0;         // a directory was not listened to for a time
    uint64_t looks = 0;          // directories were opened
    uint64_t sweeps = 0;         // directories without a watch were looked at
    uint64_t mount_changes = 0;  // the machine's mount table was read again
    size_t sources = 0;
    size_t places = 0;         // directories that matter, whether they are there or not
    size_t watches = 0;        // directories of a bpffs that are watched
    size_t without_watch = 0;  // those that are there, and cannot be
    size_t paused = 0;
    size_t slowed = 0;     // directories whose changes are told later
    size_t may_wait = 0;   // not looked at: the file system there may never answer
    size_t cut_globs = 0;  // globs that look into too many directories: told at each sweep
  };

  // kSystem if there is no inotify for this user, kHostNamespace as in machine.h.
  static Result<PinWatcher> open(const Limits& limits);
  static Result<PinWatcher> open() { return open(Limits()); }

  // Watches these, too; a source with a known number takes the place of that one. What is there is
  // not told, what changes from now on is.
  void add(std::vector<WatchedSource> sources, Time now);
  void remove(const std::vector<uint64_t>& ids);

  // To wait for POLLIN, after a first take(). Reads nothing, and tells nothing by itself.
  [[nodiscard]] int fd() const { return wake_.get(); }
  // When take() has something to do without an event.
  [[nodiscard]] Time next() const;
  // The sources that may have changed, in order, each once. At any time.
  std::vector<uint64_t> take(Time now);

  [[nodiscard]] Counters counters(Time now) const;

 private:
  // What is known of a directory.
  struct State {
    MountWay way;
    int watch = -1;
    bool is_there = false;
    bool is_paused = false;
    uint64_t device = 0;
    uint64_t inode = 0;
    uint64_t changed = 0;             // when it was, for those without a watch
    bool is_settled = false;          // it could not have changed again without another time
    uint64_t covers = 0;              // what is mounted on its pins
    std::set<uint64_t> later;         // sources to tell when it has its turn
    std::set<uint64_t> later_places;  // places in it, to be looked at then
    bool is_to_be_searched = false;
  };
  struct Look {
    Fd fd;
    State state;  // way, device, inode, changed, is_settled
  };

  PinWatcher(const Limits& limits, Inotify inotify, MountWays mounts, Fd wake);
  void take_events(Time now);
  void take_event(const Inotify::Event& event, Time now);
  void take_name(WatchedPlace& place, State& state, const Inotify::Event& event, Time now);
  void act(const WatchedPlace& place, State& state);
  void take_mounts(Time now);
  void look_at_mounts();
  void take_turns(Time now);
  void take_times(Time now);
  void sweep();
  void look_at_all();
  void work(size_t most);

  void look(WatchedPlace& place, bool anew);
  std::optional<Look> look_at(const WatchedPlace& place, const MountWay& way);
  void begin(WatchedPlace& place, State& state, int fd);
  void end_watch(uint64_t key, State& state);
  void lose(WatchedPlace& place, State& state, const MountWay& way);
  void search(WatchedPlace& place, int fd);
  void search_mounts(WatchedPlace& place);
  void tell_all_in(const WatchedPlace& place);
  void look_at_children(const WatchedPlace& place);
  void enqueue(uint64_t key);
  void forget(const std::vector<uint64_t>& keys);
  [[nodiscard]] uint64_t covers_of(const WatchedPlace& place, const MountWay& way) const;
  [[nodiscard]] bool has_unwatched() const;

  Limits limits_;
  Inotify inotify_;
  MountWays mounts_;
  Fd wake_;  // epoll of both
  Backoff backoff_;
  std::unique_ptr<WatchedTree> tree_;
  std::unordered_map<uint64_t, State> states_;               // by the key of the place
  std::unordered_map<int, std::vector<uint64_t>> by_watch_;  // one directory, several places
  std::deque<uint64_t> queue_;                               // places to look at
  std::unordered_map<uint64_t, bool> queued_;                // true: whatever is found, tell
  std::set<uint64_t> changed_;
  std::optional<Time> next_sweep_;
  std::optional<Time> next_verify_;
  Counters counters_;
};

}  // namespace pinscope::kernel
