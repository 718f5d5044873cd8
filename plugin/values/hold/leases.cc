#include "plugin/values/hold/leases.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <chrono>

namespace pinscope::hold {
namespace {

constexpr unsigned kMiscMajor = 10;  // admin-guide/devices.txt
constexpr unsigned kFuseMinor = 229;

bool is_fuse_device(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) &&
         status.st_rdev == makedev(kMiscMajor, kFuseMinor);
}

// The kernel reports an error once the last mount of the file system is gone, or if there has not
// been one (fs/fuse/dev.c, fuse_dev_poll). Asked now and then, and not waited for: a process that
// waits for the device is woken by each of its requests.
bool has_ended(int device) {
  struct pollfd one = {device, 0, 0};
  return ::poll(&one, 1, 0) > 0 && (one.revents & (POLLERR | POLLNVAL)) != 0;
}

}  // namespace

Leases::Leases() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  first_ = static_cast<uint64_t>(std::chrono::nanoseconds(now).count());
  last_ = first_ - 1;
}

bool Leases::has_room_for(size_t descriptors) const {
  return leases_.size() < kMaxLeases && held_ + descriptors <= kMaxHeld;
}

int Leases::add(Lease lease, uint64_t& number) {
  const size_t count = lease.descriptors.size();
  if (count < kMinDescriptors || count > kMaxDescriptors) return EINVAL;
  const int device = lease.descriptors[kDevice].get();
  if (!is_fuse_device(device)) return EINVAL;
  if (has_ended(device)) return ENOTCONN;
  if (!has_room_for(count)) end_all();
  if (!has_room_for(count)) return ENOSPC;
  if (number >= first_ || leases_.contains(number)) return EEXIST;
  if (number == 0) number = ++last_;
  held_ += count;
  leases_.emplace(number, std::move(lease));
  return 0;
}

Lease* Leases::find(uint64_t number) {
  const auto found = leases_.find(number);
  return found == leases_.end() ? nullptr : &found->second;
}

uint64_t Leases::next(uint64_t number) const {
  const auto found = leases_.lower_bound(number);
  return found == leases_.end() ? 0 : found->first;
}

void Leases::drop(std::map<uint64_t, Lease>::iterator lease) {
  held_ -= lease->second.descriptors.size();
  leases_.erase(lease);
}

void Leases::end(uint64_t number) {
  const auto found = leases_.find(number);
  if (found != leases_.end() && has_ended(found->second.descriptors[kDevice].get())) drop(found);
}

void Leases::end_all() {
  for (auto at = leases_.begin(); at != leases_.end();) {
    const auto lease = at++;
    if (has_ended(lease->second.descriptors[kDevice].get())) drop(lease);
  }
}

void Leases::forget_service() {
  for (auto& [number, lease] : leases_) lease.is_from_service = false;
}

}  // namespace pinscope::hold
