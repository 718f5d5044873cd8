#include "plugin/kernel/watch/mount_watcher.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

namespace pinscope::kernel {
namespace {

constexpr size_t kTurns = 256;  // in one take()

// What an epoll event is about: this and the number of a queue, or a mount table, or else the pidfd
// of a process that has ended.
constexpr uint64_t kQueue = uint64_t{1} << 62;
constexpr uint64_t kTable = uint64_t{1} << 61;

bool is_over(const Fd& process) {
  struct pollfd asked = {process.get(), POLLIN, 0};
  return ::poll(&asked, 1, 0) == 1;
}

std::vector<uint64_t> only_in(const std::vector<uint64_t>& some,
                              const std::vector<uint64_t>& others) {
  std::vector<uint64_t> only;
  std::ranges::set_difference(some, others, std::back_inserter(only));
  return only;
}

}  // namespace

MountWatcher::MountWatcher(const Limits& limits, Fd wake)
    : limits_(limits),
      wake_(std::move(wake)),
      by_queue_(limits.backoff),
      by_table_(limits.backoff) {
}

Result<MountWatcher> MountWatcher::open(const Limits& limits) {
  Fd wake(::epoll_create1(EPOLL_CLOEXEC));
  if (!wake.valid()) return std::unexpected(Error::system("wait for mounts", errno));
  return MountWatcher(limits, std::move(wake));
}

bool MountWatcher::wake_for(int fd, uint32_t events, uint64_t what, int operation) const {
  struct epoll_event event {};
  event.events = events;
  event.data.u64 = what;
  return ::epoll_ctl(wake_.get(), operation, fd, &event) == 0;
}

// --- Who is watched, and how
// ----------------------------------------------------------------------

Status MountWatcher::add(uint64_t key, const ContainerProcess& process, Time now) {
  remove(key);
  Space space;
  space.key = key;
  space.process = Fd(::fcntl(process.descriptor(), F_DUPFD_CLOEXEC, 0));
  const int fd = space.process.get();
  if (!space.process.valid() || !wake_for(fd, EPOLLIN, static_cast<uint64_t>(fd), EPOLL_CTL_ADD))
    return std::unexpected(Error::system("watch the mounts of a container", errno));
  if (!watch_by_events(space)) watch_by_table(space, process);
  if (is_over(space.process)) {
    let_go(space);
    return std::unexpected(Error(ErrorCode::kProcessGone, "watch the mounts of a container")
                               .reason("its process has ended"));
  }
  if (!next_sweep_) next_sweep_ = now + limits_.sweep;
  by_process_[fd] = key;
  spaces_.emplace(key, std::move(space));
  return {};
}

void MountWatcher::remove(uint64_t key) {
  changes_.erase(key);
  lose(key);
}

void MountWatcher::lose(uint64_t key) {
  const auto found = spaces_.find(key);
  if (found == spaces_.end()) return;
  let_go(found->second);
  spaces_.erase(found);
  to_sweep_.erase(key);
}

// The namespace is listed behind the mark: what is mounted from then on is told. A kernel that
// lists no mounts cannot be asked what has changed.
bool MountWatcher::watch_by_events(Space& space) {
  const auto opened = limits_.by_events ? mount_namespace_of(space.process.get()) : std::nullopt;
  if (!opened) return false;
  const auto queue = emptiest_queue();
  const bool is_marked =
      queue && (queues_[*queue].is_paused || queues_[*queue].events.watch(opened->fd.get()));
  if (is_marked) {
    space.how = How::kEvents;
    space.queue = *queue;
    queues_[*queue].keys.insert(space.key);
  }
  auto ids = mount_ids(opened->id, limits_.ids);
  if (!ids) {
    if (is_marked) unmark(space);
    return false;
  }
  space.id = opened->id;
  space.are_all = ids->size() <= limits_.ids;
  space.ids = *std::move(ids);
  return is_marked;
}

// Two containers of one namespace have one mark if they have one queue.
void MountWatcher::unmark(Space& space) {
  Queue& queue = queues_[space.queue];
  queue.keys.erase(space.key);
  space.how = How::kSweep;
  const bool is_shared =
      std::ranges::any_of(queue.keys, [&](uint64_t key) { return spaces_.at(key).id == space.id; });
  const auto opened = mount_namespace_of(space.process.get());
  if (opened && !is_shared) queue.events.unwatch(opened->fd.get());
}

// One for each namespace while there are enough: then nobody is disturbed by another.
std::optional<size_t> MountWatcher::emptiest_queue() {
  const auto emptiest =
      std::ranges::min_element(queues_, {}, [](const Queue& queue) { return queue.keys.size(); });
  const bool is_taken = emptiest == queues_.end() || !emptiest->keys.empty();
  if (is_taken && may_have_more_queues_ && queues_.size() < limits_.queues) {
    auto events = MountEvents::open();
    const size_t number = queues_.size();
    may_have_more_queues_ =
        events && wake_for(events->fd(), EPOLLIN, kQueue | number, EPOLL_CTL_ADD);
    if (may_have_more_queues_) {
      queues_.push_back({*std::move(events), {}});
      return number;
    }
  }
  if (queues_.empty()) return std::nullopt;
  return static_cast<size_t>(emptiest - queues_.begin());
}

void MountWatcher::watch_by_table(Space& space, const ContainerProcess& process) {
  if (tables_ >= limits_.tables) return;
  auto to_wake = process.mountinfo();
  auto to_ask = process.mountinfo();
  if (!to_wake || !to_ask || !wake_for(to_wake->get(), EPOLLPRI, kTable, EPOLL_CTL_ADD)) return;
  space.to_wake = *std::move(to_wake);
  space.to_ask = *std::move(to_ask);
  space.how = How::kTable;
  ++tables_;
}

// Everything of it that is open, and its mark. Closing takes a descriptor out of the epoll.
void MountWatcher::let_go(Space& space) {
  if (space.how == How::kTable) --tables_;
  if (space.how == How::kEvents) unmark(space);
  by_table_.forget(space.key);
  by_process_.erase(space.process.get());
  if (space.process.valid()) (void)wake_for(space.process.get(), 0, 0, EPOLL_CTL_DEL);
  space = Space();
}

// --- What comes in
// --------------------------------------------------------------------------------

std::vector<MountChange> MountWatcher::take(Time now) {
  take_turns(now);
  take_woken(now);
  take_tables(now);
  take_sweep(now);
  std::vector<MountChange> changes;
  for (auto& change : std::exchange(changes_, {})) changes.push_back(std::move(change.second));
  return changes;
}

MountChange& MountWatcher::change(uint64_t key) {
  MountChange& change = changes_[key];
  change.key = key;
  return change;
}

void MountWatcher::take_woken(Time now) {
  std::vector<struct epoll_event> events(queues_.size() + spaces_.size() + 1);
  const int count = ::epoll_wait(wake_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (size_t i = 0; static_cast<int>(i) < count; ++i) {
    const uint64_t what = events[i].data.u64;
    if ((what & kQueue) != 0) {
      take_queue(what & ~kQueue, now);
    } else if ((what & kTable) == 0) {
      const auto key = by_process_.find(static_cast<int>(what));
      if (key != by_process_.end()) end_process(spaces_.at(key->second));
    }
  }
}

// The namespace may live on with other processes in it. Where its table is open that keeps it: then
// it is closed with the process that the container is known by.
void MountWatcher::end_process(Space& space) {
  (void)wake_for(space.process.get(), 0, 0, EPOLL_CTL_DEL);
  by_process_.erase(space.process.get());
  space.process.reset();
  if (space.how != How::kTable && space.id != 0) return look(space, {});
  change(space.key).is_gone = true;
  lose(space.key);
}

void MountWatcher::take_queue(size_t number, Time now) {
  if (by_queue_.may_act(number, now)) return look_at_queue(number, now);
  ++counters_.waits;
  queues_[number].is_waiting = true;
  (void)wake_for(queues_[number].events.fd(), 0, kQueue | number, EPOLL_CTL_MOD);
}

void MountWatcher::look_at_queue(size_t number, Time now) {
  Queue& queue = queues_[number];
  bool is_loud = false;
  const Heard heard = read_queue(queue, number, now, is_loud);
  if (is_loud) pause(queue, number, now);
  const std::set<uint64_t> keys = queue.keys;
  for (const uint64_t key : keys) look(spaces_.at(key), heard);
}

MountWatcher::Heard MountWatcher::read_queue(Queue& queue, size_t number, Time now, bool& is_loud) {
  Heard heard;
  const auto take = [&](const MountEvents::Event& event) {
    ++counters_.events;
    counters_.overflows += event.were_lost ? 1U : 0U;
    heard.were_lost = heard.were_lost || event.were_lost;
    if (event.is_attached && event.is_detached) heard.moved.insert(event.mount);
    is_loud = !by_queue_.count(number, now) || is_loud;
  };
  for (size_t i = 0; i < limits_.reads && queue.events.read(take); ++i) {
  }
  return heard;
}

// Without marks nobody makes events that the kernel has to keep.
void MountWatcher::pause(Queue& queue, size_t number, Time now) {
  ++counters_.pauses;
  queue.events.unwatch_all();
  queue.is_paused = true;
  by_queue_.pause(number, now);
}

void MountWatcher::resume(Queue& queue) {
  queue.is_paused = false;
  for (const uint64_t key : std::set<uint64_t>(queue.keys)) {
    Space& space = spaces_.at(key);
    change(key).look_again = true;
    const auto opened = mount_namespace_of(space.process.get());
    if (opened && queue.events.watch(opened->fd.get())) continue;
    // No process is left by which it could be found.
    queue.keys.erase(key);
    space.how = How::kSweep;
  }
}

void MountWatcher::take_turns(Time now) {
  for (const uint64_t number : by_queue_.due(now, kTurns)) {
    Queue& queue = queues_[number];
    if (queue.is_waiting)
      (void)wake_for(queue.events.fd(), EPOLLIN, kQueue | number, EPOLL_CTL_MOD);
    queue.is_waiting = false;
    if (queue.is_paused) resume(queue);
    look_at_queue(number, now);
  }
  for (const uint64_t key : by_table_.due(now, kTurns)) {
    const auto space = spaces_.find(key);
    if (space == spaces_.end()) continue;
    space->second.is_waiting = false;
    (void)wake_for(space->second.to_wake.get(), EPOLLPRI, kTable, EPOLL_CTL_ADD);
    change(key).look_again = true;
  }
}

void MountWatcher::take_tables(Time now) {
  if (tables_ == 0) return;
  std::vector<struct pollfd> asked;
  std::vector<Space*> spaces;
  for (auto& [key, space] : spaces_) {
    if (space.how != How::kTable || space.is_waiting) continue;
    asked.push_back({space.to_ask.get(), POLLPRI, 0});
    spaces.push_back(&space);
  }
  if (::poll(asked.data(), asked.size(), 0) <= 0) return;
  for (size_t i = 0; i < asked.size(); ++i) {
    if (asked[i].revents == 0) continue;
    Space& space = *spaces[i];
    if (by_table_.may_act(space.key, now)) {
      change(space.key).look_again = true;
      continue;
    }
    ++counters_.waits;
    space.is_waiting = true;
    // Not only to wait for nothing: an epoll always tells EPOLLERR, which a changed table has, too.
    (void)wake_for(space.to_wake.get(), 0, kTable, EPOLL_CTL_DEL);
  }
}

void MountWatcher::take_sweep(Time now) {
  if (next_sweep_ && now >= *next_sweep_) {
    next_sweep_ = now + limits_.sweep;
    for (const auto& [key, space] : spaces_)
      if (space.how == How::kSweep) to_sweep_.insert(key);
  }
  for (size_t i = 0; i < limits_.looks && !to_sweep_.empty(); ++i) {
    const uint64_t key = to_sweep_.extract(to_sweep_.begin()).value();
    Space& space = spaces_.at(key);
    if (space.id != 0)
      look(space, {});
    else
      change(key).look_again = true;
  }
}

MountWatcher::Time MountWatcher::next() const {
  if (!to_sweep_.empty() || !changes_.empty()) return Time::min();
  Time next = Time::max();
  const bool sweeps = std::ranges::any_of(
      spaces_, [](const auto& entry) { return entry.second.how == How::kSweep; });
  if (sweeps && next_sweep_) next = *next_sweep_;
  for (const Backoff* backoff : {&by_queue_, &by_table_})
    if (const auto turn = backoff->next()) next = std::min(next, *turn);
  return next;
}

// --- What is there
// --------------------------------------------------------------------------------

void MountWatcher::look(Space& space, const Heard& heard) {
  ++counters_.looks;
  auto ids = mount_ids(space.id, limits_.ids);
  // ENOENT: the namespace has ended. Others must not happen, and are nobody's reason to be silent.
  if (!ids && ids.error().errnum() != ENOENT) {
    change(space.key).look_again = true;
    return;
  }
  if (!ids || ids->empty()) {
    change(space.key).is_gone = true;
    return lose(space.key);
  }
  std::vector<uint64_t> attached = only_in(*ids, space.ids);
  std::vector<uint64_t> detached = only_in(space.ids, *ids);
  for (const uint64_t id : heard.moved)
    if (std::ranges::binary_search(*ids, id) && std::ranges::binary_search(space.ids, id))
      attached.push_back(id);
  const bool are_all = space.are_all && ids->size() <= limits_.ids;
  if (heard.were_lost || !are_all) change(space.key).look_again = true;
  if (!detached.empty()) {
    auto& told = change(space.key).detached;
    told.insert(told.end(), detached.begin(), detached.end());
  }
  tell_attached(space, attached);
  space.are_all = ids->size() <= limits_.ids;
  space.ids = *std::move(ids);
}

void MountWatcher::tell_attached(const Space& space, const std::vector<uint64_t>& ids) {
  if (ids.empty()) return;
  MountChange& told = change(space.key);
  for (const uint64_t id : ids) {
    if (told.attached.size() >= limits_.attached) {
      told.look_again = true;
      return;
    }
    if (auto mount = describe_mount(space.id, id)) told.attached.push_back(*std::move(mount));
  }
}

MountWatcher::Counters MountWatcher::counters(Time now) const {
  Counters counters = counters_;
  counters.queues = queues_.size();
  counters.slowed = by_queue_.slowed(now) + by_table_.slowed(now);
  for (const auto& entry : spaces_) {
    switch (entry.second.how) {
      case How::kEvents:
        ++counters.by_events;
        break;
      case How::kTable:
        ++counters.by_table;
        break;
      case How::kSweep:
        ++counters.by_sweep;
        break;
    }
  }
  return counters;
}

}  // namespace pinscope::kernel
