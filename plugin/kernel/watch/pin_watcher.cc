#include "plugin/kernel/watch/pin_watcher.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <tuple>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/host/directory.h"
#include "plugin/host/file.h"

namespace pinscope::kernel {
namespace {

// In the backoff, where directories have the keys of their places, which begin with 1.
constexpr uint64_t kMountTable = 0;
constexpr size_t kTurns = 256;  // of those that wait, in one take()
// Two changes within so long may have one time: the kernel's clock of files ticks 100 times a
// second or more often.
constexpr uint64_t kTickNs = 20'000'000;

Status add_to(const Fd& epoll, int fd, uint32_t events) {
  struct epoll_event event {};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return std::unexpected(Error::system("wait for changes of pins", errno));
  return {};
}

}  // namespace

PinWatcher::PinWatcher(const Limits& limits, Inotify inotify, MountWays mounts, Fd wake)
    : limits_(limits),
      inotify_(std::move(inotify)),
      mounts_(std::move(mounts)),
      wake_(std::move(wake)),
      backoff_(limits.backoff),
      tree_(std::make_unique<WatchedTree>(limits.globs)) {
}

Result<PinWatcher> PinWatcher::open(const Limits& limits) {
  PINSCOPE_TRY(Inotify inotify, Inotify::open());
  PINSCOPE_TRY(MountWays mounts, MountWays::open());
  Fd wake(::epoll_create1(EPOLL_CLOEXEC));
  if (!wake.valid()) return std::unexpected(Error::system("wait for changes of pins", errno));
  PINSCOPE_CHECK(add_to(wake, inotify.fd(), EPOLLIN));
  PINSCOPE_CHECK(add_to(wake, mounts.fd(), EPOLLPRI));
  return PinWatcher(limits, std::move(inotify), std::move(mounts), std::move(wake));
}

void PinWatcher::add(std::vector<WatchedSource> sources, Time now) {
  if (!next_verify_) next_verify_ = now + limits_.verify;
  take_mounts(now);
  std::vector<uint64_t> added;
  for (auto& source : sources) {
    const uint64_t id = source.id;
    remove({id});
    const auto keys = tree_->add(std::move(source));
    for (const uint64_t key : keys) enqueue(key);
    // Where a glob begins, directories are to be looked for, if it was known or not.
    if (!keys.empty()) states_[keys.back()].is_to_be_searched = true;
    added.push_back(id);
  }
  work(SIZE_MAX);
  for (const uint64_t id : added) changed_.erase(id);
}

void PinWatcher::remove(const std::vector<uint64_t>& ids) {
  for (const uint64_t id : ids) {
    forget(tree_->remove(id));
    changed_.erase(id);
  }
}

void PinWatcher::forget(const std::vector<uint64_t>& keys) {
  for (const uint64_t key : keys) {
    const auto state = states_.find(key);
    if (state == states_.end()) continue;
    end_watch(key, state->second);
    states_.erase(state);
    backoff_.forget(key);
  }
}

void PinWatcher::enqueue(uint64_t key) {
  if (queued_.try_emplace(key, false).second) queue_.push_back(key);
}

void PinWatcher::look_at_children(const WatchedPlace& place) {
  for (const auto& child : place.children) enqueue(child.second->key);
}

void PinWatcher::look_at_all() {
  for (const uint64_t key : tree_->keys()) enqueue(key);
}

void PinWatcher::tell_all_in(const WatchedPlace& place) {
  for (const uint64_t id : WatchedTree::all_in(place)) changed_.insert(id);
}

// --- What comes in
// --------------------------------------------------------------------------------

std::vector<uint64_t> PinWatcher::take(Time now) {
  take_events(now);
  take_mounts(now);
  take_turns(now);
  take_times(now);
  work(limits_.looks);
  std::vector<uint64_t> ids;
  for (const uint64_t id : changed_)
    if (tree_->knows(id)) ids.push_back(id);
  changed_.clear();
  return ids;
}

void PinWatcher::take_events(Time now) {
  for (size_t i = 0; i < limits_.reads; ++i)
    if (!inotify_.read([&](const Inotify::Event& event) { take_event(event, now); })) return;
}

void PinWatcher::take_event(const Inotify::Event& event, Time now) {
  ++counters_.events;
  if ((event.mask & IN_Q_OVERFLOW) != 0) {
    ++counters_.overflows;
    for (const uint64_t id : tree_->ids()) changed_.insert(id);
    for (const uint64_t key : tree_->keys()) {
      enqueue(key);
      states_[key].is_to_be_searched = true;
    }
    return;
  }
  const auto found = by_watch_.find(event.watch);
  if (found == by_watch_.end()) return;
  const std::vector<uint64_t> keys = found->second;
  if ((event.mask & IN_IGNORED) != 0) by_watch_.erase(found);
  for (const uint64_t key : keys) {
    State& state = states_[key];
    if ((event.mask & IN_IGNORED) != 0) state.watch = -1;
    if ((event.mask & (IN_IGNORED | IN_UNMOUNT)) != 0) {
      enqueue(key);
      queued_[key] = true;
    } else if (WatchedPlace* place = tree_->by_key(key)) {
      take_name(*place, state, event, now);
    }
  }
}

void PinWatcher::take_name(WatchedPlace& place, State& state, const Inotify::Event& event,
                           Time now) {
  if (state.is_paused) return;
  if (!backoff_.count(place.key, now)) {
    ++counters_.pauses;
    end_watch(place.key, state);
    state.is_paused = true;
    backoff_.pause(place.key, now);
    return;
  }
  const auto ids = WatchedTree::concerned(place, event.name);
  const auto child = place.children.find(event.name);
  const bool is_for_globs = (event.mask & IN_ISDIR) != 0 && place.looks_for_directories();
  if (ids.empty() && child == place.children.end() && !is_for_globs) return;
  state.later.insert(ids.begin(), ids.end());
  if (child != place.children.end()) state.later_places.insert(child->second->key);
  state.is_to_be_searched = state.is_to_be_searched || is_for_globs;
  if (backoff_.may_act(place.key, now))
    act(place, state);
  else
    ++counters_.waits;
}

void PinWatcher::act(const WatchedPlace& place, State& state) {
  changed_.merge(state.later);
  state.later.clear();
  for (const uint64_t key : state.later_places) enqueue(key);
  state.later_places.clear();
  if (state.is_paused || state.is_to_be_searched) enqueue(place.key);
  if (std::exchange(state.is_paused, false)) queued_[place.key] = true;
}

void PinWatcher::take_mounts(Time now) {
  if (!mounts_.has_changed() || !backoff_.may_act(kMountTable, now)) return;
  look_at_mounts();
}

void PinWatcher::look_at_mounts() {
  ++counters_.mount_changes;
  if (!mounts_.read()) return look_at_all();
  for (const uint64_t key : tree_->keys()) {
    const WatchedPlace& place = *tree_->by_key(key);
    const MountWay way = mounts_.way_to(place.path);
    State& state = states_[key];
    const uint64_t covers = covers_of(place, way);
    if (state.is_there && way == state.way && covers != state.covers) tell_all_in(place);
    state.covers = covers;
    if (way != state.way || (!way.ends_on_bpffs && place.looks_for_directories())) enqueue(key);
  }
}

void PinWatcher::take_turns(Time now) {
  for (const uint64_t key : backoff_.due(now, kTurns)) {
    if (key == kMountTable) {
      look_at_mounts();
      continue;
    }
    if (const WatchedPlace* place = tree_->by_key(key)) act(*place, states_[key]);
  }
}

void PinWatcher::take_times(Time now) {
  if (next_verify_ && now >= *next_verify_) {
    next_verify_ = now + limits_.verify;
    if (!tree_->cut().empty())
      for (const uint64_t key : tree_->keys()) states_[key].is_to_be_searched = true;
    for (const uint64_t id : tree_->cut()) changed_.insert(id);
    tree_->forget_cuts();
    (void)mounts_.read();
    look_at_all();
  }
  if (!has_unwatched()) {
    next_sweep_.reset();
  } else if (!next_sweep_) {
    next_sweep_ = now + limits_.sweep;
  } else if (now >= *next_sweep_) {
    next_sweep_ = now + limits_.sweep;
    sweep();
  }
}

void PinWatcher::sweep() {
  for (const uint64_t id : tree_->cut()) changed_.insert(id);
  for (const auto& [key, state] : states_) {
    if (!state.is_there || state.watch >= 0 || state.is_paused) continue;
    ++counters_.sweeps;
    enqueue(key);
  }
}

bool PinWatcher::has_unwatched() const {
  return !tree_->cut().empty() || std::ranges::any_of(states_, [](const auto& entry) {
    const State& state = entry.second;
    return state.is_there && state.watch < 0 && !state.is_paused;
  });
}

PinWatcher::Time PinWatcher::next() const {
  if (!queue_.empty() || !changed_.empty()) return Time::min();
  Time next = next_verify_.value_or(Time::max());
  if (next_sweep_) next = std::min(next, *next_sweep_);
  if (const auto turn = backoff_.next()) next = std::min(next, *turn);
  return next;
}

// --- What is there
// --------------------------------------------------------------------------------

void PinWatcher::work(size_t most) {
  for (size_t i = 0; i < most && !queue_.empty(); ++i) {
    const uint64_t key = queue_.front();
    queue_.pop_front();
    const bool anew = queued_[key];
    queued_.erase(key);
    if (WatchedPlace* place = tree_->by_key(key)) look(*place, anew);
  }
  mounts_.close();
}

std::optional<PinWatcher::Look> PinWatcher::look_at(const WatchedPlace& place,
                                                    const MountWay& way) {
  if (!way.ends_on_bpffs) return std::nullopt;
  ++counters_.looks;
  auto fd = mounts_.open_directory(way, place.path);
  struct stat status {};
  if (!fd || ::fstat(fd->get(), &status) != 0) return std::nullopt;
  Look look{*std::move(fd), {}};
  look.state.way = way;
  look.state.device = status.st_dev;
  look.state.inode = status.st_ino;
  look.state.changed = nanoseconds_of(status.st_ctim);
  look.state.is_settled = wall_clock_ns() > look.state.changed + kTickNs;
  return look;
}

void PinWatcher::look(WatchedPlace& place, bool anew) {
  State& state = states_[place.key];
  const MountWay way = mounts_.way_to(place.path);
  const auto seen = look_at(place, way);
  if (!seen) return lose(place, state, way);
  const State& now = seen->state;
  const bool is_same =
      state.is_there && state.device == now.device && state.inode == now.inode && state.way == way;
  if (is_same && state.is_paused) return;
  const bool is_touched = state.watch < 0 && (state.changed != now.changed || !state.is_settled);
  if (!is_same) end_watch(place.key, state);
  if (state.watch < 0) begin(place, state, seen->fd.get());
  state.way = way;
  state.is_there = true;
  state.is_paused = false;
  std::tie(state.device, state.inode) = std::pair(now.device, now.inode);
  std::tie(state.changed, state.is_settled) = std::pair(now.changed, now.is_settled);
  state.covers = covers_of(place, way);
  if (!is_same || is_touched || anew) {
    tell_all_in(place);
    look_at_children(place);
    state.is_to_be_searched = true;
  }
  if (std::exchange(state.is_to_be_searched, false)) search(place, seen->fd.get());
}

// Those that somebody else may make any number of do not take the watches of those that policies
// name.
void PinWatcher::begin(WatchedPlace& place, State& state, int fd) {
  const size_t used = by_watch_.size();
  if (used >= limits_.watches || (used >= limits_.watches / 2 && place.is_only_found())) return;
  const auto watch = inotify_.watch(fd);
  if (!watch) return;
  state.watch = *watch;
  by_watch_[*watch].push_back(place.key);
}

void PinWatcher::end_watch(uint64_t key, State& state) {
  const auto found = by_watch_.find(std::exchange(state.watch, -1));
  if (found == by_watch_.end()) return;
  std::erase(found->second, key);
  if (!found->second.empty()) return;
  inotify_.unwatch(found->first);
  by_watch_.erase(found);
}

void PinWatcher::lose(WatchedPlace& place, State& state, const MountWay& way) {
  if (state.is_there) {
    tell_all_in(place);
    look_at_children(place);
  }
  end_watch(place.key, state);
  backoff_.forget(place.key);
  state = {};
  state.way = way;
  state.covers = covers_of(place, way);
  const bool leads_to_bpffs =
      !way.may_wait && !way.ends_on_bpffs && !mounts_.names_towards_bpffs(place.path).empty();
  if (leads_to_bpffs) return search_mounts(place);
  forget(tree_->lose(place));
}

void PinWatcher::search(WatchedPlace& place, int fd) {
  if (!place.looks_for_directories()) return;
  auto readable = open_at(fd, ".", O_RDONLY | O_DIRECTORY);
  if (!readable) return;
  Directory open(*std::move(readable));
  size_t entries = 0;
  while (const auto* entry = open.next()) {
    if (++entries > limits_.entries) return tree_->cut_globs_of(place);
    if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) continue;
    if (const WatchedPlace* child = tree_->find(place, entry->d_name))
      if (!states_[child->key].is_there) enqueue(child->key);
  }
}

void PinWatcher::search_mounts(WatchedPlace& place) {
  if (!place.looks_for_directories()) return;
  for (const auto& name : mounts_.names_towards_bpffs(place.path))
    if (const WatchedPlace* child = tree_->find(place, name)) enqueue(child->key);
}

uint64_t PinWatcher::covers_of(const WatchedPlace& place, const MountWay& way) const {
  uint64_t hash = 0;
  for (const auto& pin : place.pins)
    if (const uint64_t mount = mounts_.mounted_on(way, place.path_of(pin.first)); mount != 0)
      hash = fnv1a64(pin.first, hash ^ mount);
  return hash;
}

PinWatcher::Counters PinWatcher::counters(Time now) const {
  Counters counters = counters_;
  counters.sources = tree_->sources();
  counters.places = tree_->places();
  counters.watches = by_watch_.size();
  counters.slowed = backoff_.slowed(now);
  counters.cut_globs = tree_->cut().size();
  for (const auto& entry : states_) {
    const State& state = entry.second;
    counters.paused += state.is_paused ? 1U : 0U;
    counters.may_wait += state.way.may_wait ? 1U : 0U;
    counters.without_watch += state.is_there && state.watch < 0 && !state.is_paused ? 1U : 0U;
  }
  return counters;
}

}  // namespace pinscope::kernel
