#include "plugin/values/fuse/handles.h"

#include "plugin/base/clock.h"

namespace pinscope::values {

namespace {

constexpr uint64_t kNanosecondsPerMicrosecond = 1000;

size_t content_of(const Handle& handle) {
  const auto* snapshot = std::get_if<Snapshot>(&handle);
  return snapshot == nullptr ? 0 : snapshot->content.capacity();
}

}  // namespace

// A handle takes longer to open than a microsecond, so the numbers of a later server are larger.
Handles::Handles(size_t limit, size_t snapshot_limit)
    : limit_(limit),
      snapshot_limit_(snapshot_limit),
      next_(wall_clock_ns() / kNanosecondsPerMicrosecond) {
}

bool Handles::have_room(size_t content) const {
  if (open_.size() >= limit_) return false;
  return snapshot_bytes_ == 0 || snapshot_bytes_ + content <= snapshot_limit_;
}

uint64_t Handles::add(std::unique_ptr<Handle> handle) {
  snapshot_bytes_ += content_of(*handle);
  const uint64_t number = next_++;
  open_.emplace(number, std::move(handle));
  return number;
}

Handle* Handles::find(uint64_t number) {
  const auto found = open_.find(number);
  return found == open_.end() ? nullptr : found->second.get();
}

void Handles::remove(uint64_t number) {
  const auto found = open_.find(number);
  if (found == open_.end()) return;
  snapshot_bytes_ -= content_of(*found->second);
  open_.erase(found);
}

}  // namespace pinscope::values
