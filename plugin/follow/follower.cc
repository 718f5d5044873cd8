#include "plugin/follow/follower.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/host/file.h"

namespace pinscope::follow {
namespace {

Status wait_for(int epoll, int fd) {
  struct epoll_event event {};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
    return std::unexpected(Error::system("wait for changes of sources", errno));
  return {};
}

}  // namespace

Follower::Follower(Containers containers, kernel::PinWatcher pins, kernel::MountWatcher mounts,
                   PolicyFiles policies, Fd proc, Fd wake, const Limits& limits)
    : containers_(std::move(containers)),
      pins_(std::move(pins)),
      mounts_(std::move(mounts)),
      policies_(std::move(policies)),
      proc_(std::move(proc)),
      wake_(std::move(wake)),
      limits_(limits),
      turns_(limits.turns),
      retries_(limits.retries) {
}

Result<Follower> Follower::open(const std::string& state_directory, const std::string& policies,
                                const Limits& limits) {
  PINSCOPE_TRY(auto containers, Containers::open(state_directory));
  PINSCOPE_TRY(auto pins, kernel::PinWatcher::open(limits.pins));
  PINSCOPE_TRY(auto mounts, kernel::MountWatcher::open(limits.mounts));
  PINSCOPE_TRY(auto files, PolicyFiles::open(policies));
  PINSCOPE_TRY(auto proc, open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY));
  Fd wake(::epoll_create1(EPOLL_CLOEXEC));
  if (!wake.valid()) return std::unexpected(Error::system("make an epoll", errno));
  for (const int fd : {containers.fd(), pins.fd(), mounts.fd(), files.fd()})
    PINSCOPE_CHECK(wait_for(wake.get(), fd));
  return Follower(std::move(containers), std::move(pins), std::move(mounts), std::move(files),
                  std::move(proc), std::move(wake), limits);
}

// Watched before it is looked at: whatever the source is by then, later changes are told.
void Follower::take_up(Containers::Change change, Time now) {
  pins_.remove(change.sources.removed);
  pins_.add(std::move(change.sources.added), now);
  for (const auto& file : change.ended)
    if (const auto found = keys_.find(file); found != keys_.end()) {
      turns_.forget(found->second);
      retries_.forget(found->second);
      mounts_.remove(found->second);
      std::erase(ready_, found->second);
      is_ready_.erase(found->second);
      files_.erase(found->second);
      keys_.erase(found);
    }
  for (const auto& file : change.shown) watch_mounts(file, now);
  for (const auto& file : change.begun) ask(file, now);
  // A view that was taken away before its record was written came and went unseen.
  // One that failed writes its record as well, and is not to be its own reason.
  for (const auto& file : change.written)
    if (!waits_to_try_again(file) && !containers_.has_its_mounts(proc_.get(), file)) ask(file, now);
}

bool Follower::waits_to_try_again(const std::string& file) const {
  const auto key = keys_.find(file);
  return key != keys_.end() && retries_.waits(key->second);
}

// Watched before it is looked at, as sources are. What cannot be watched is looked at now, and with
// all the others from time to time.
void Follower::watch_mounts(const std::string& file, Time now) {
  if (const auto process = containers_.process_of(file))
    (void)mounts_.add(key_of(file), *process, now);
  if (!containers_.has_its_mounts(proc_.get(), file)) ask(file, now);
}

// Most mounts in a container are its own affair, and each change of a view is one as well.
void Follower::take_mounts(Time now) {
  for (const auto& change : mounts_.take(now)) {
    const auto found = files_.find(change.key);
    if (change.is_gone || found == files_.end() || retries_.waits(change.key) ||
        containers_.has_its_mounts(proc_.get(), found->second))
      continue;
    ++mount_changes_;
    ask(found->second, now);
  }
}

uint64_t Follower::key_of(const std::string& file) {
  const auto [found, is_new] = keys_.try_emplace(file, last_key_ + 1);
  if (is_new) files_.emplace(++last_key_, file);
  return found->second;
}

void Follower::ask(const std::string& file, Time now) {
  const uint64_t key = key_of(file);
  if (turns_.may_act(key, now)) make_ready(key);
}

void Follower::make_ready(uint64_t key) {
  if (is_ready_.insert(key).second) ready_.push_back(key);
}

void Follower::failed(const std::string& file, Time now) {
  if (!containers_.id_of(file).empty()) retries_.pause(key_of(file), now);
}

std::vector<Due> Follower::take(Time now, size_t most) {
  if (now >= verify_at_) {
    const bool is_first = verify_at_ == Time();
    take_up(containers_.look_at_all(), now);
    verify_at_ = now + limits_.verify;
    // What happened while nobody looked.
    if (is_first)
      for (const auto& file : containers_.all()) ask(file, now);
  }
  if (now >= policies_at_) {
    policies_.look_again(now);
    policies_at_ = now + limits_.policies;
  }
  // What is mounted is listed before records are compared with it: a mount that goes in between is
  // missing then, and one that goes later is one that was listed.
  take_mounts(now);
  take_up(containers_.take(), now);
  for (const uint64_t source : pins_.take(now)) {
    ++source_changes_;
    for (const auto& file : containers_.following(source)) ask(file, now);
  }
  if (policies_.take(now)) {
    ++policy_changes_;
    for (const auto& file : containers_.all()) ask(file, now);
  }
  const uint64_t wall_ns = wall_clock_ns();
  for (const auto& file : containers_.run_out(wall_ns))
    if (!waits_to_try_again(file)) make_ready(key_of(file));
  for (const uint64_t key : turns_.due(now, most)) make_ready(key);
  for (const uint64_t key : retries_.due(now, most)) make_ready(key);

  std::vector<Due> due;
  const size_t count = std::min(most, ready_.size());
  for (size_t i = 0; i < count; ++i) {
    is_ready_.erase(ready_[i]);
    const auto& file = files_.at(ready_[i]);
    due.push_back({file, containers_.id_of(file), containers_.has_run_out(file, wall_ns)});
  }
  ready_.erase(ready_.begin(), ready_.begin() + static_cast<ptrdiff_t>(count));
  return due;
}

Follower::Time Follower::next() const {
  if (!ready_.empty()) return {};
  Time next = std::min({verify_at_, policies_at_, pins_.next(), mounts_.next()});
  for (const auto* waits : {&turns_, &retries_})
    if (const auto turn = waits->next()) next = std::min(next, *turn);
  if (const auto policies = policies_.next()) next = std::min(next, *policies);
  return next;
}

Follower::Counters Follower::counters(Time now) const {
  return {.containers = containers_.size(),
          .unreadable = containers_.unreadable(),
          .waiting = turns_.waiting() + retries_.waiting() + ready_.size(),
          .slowed = turns_.slowed(now),
          .retrying = retries_.waiting(),
          .source_changes = source_changes_,
          .policy_changes = policy_changes_,
          .mount_changes = mount_changes_,
          .pins = pins_.counters(now),
          .mounts = mounts_.counters(now)};
}

}  // namespace pinscope::follow
