#include "plugin/values/fuse/cursor.h"

#include <cerrno>

namespace pinscope::values {

namespace {

constexpr size_t kUsualAnswer = size_t{512} << 10U;

}  // namespace

void BlockCache::trim() {
  if (answer_.capacity() > kUsualAnswer) std::string().swap(answer_);
}

void BlockCache::used(Cursor& cursor) {
  const size_t now = cursor.block_->memory();
  if (cursor.counted_ == 0) {
    order_.push_front(&cursor);
    cursor.where_ = order_.begin();
  } else {
    order_.splice(order_.begin(), order_, cursor.where_);
  }
  bytes_ += now - cursor.counted_;
  cursor.counted_ = now;
  while (bytes_ > limit_ && order_.size() > 1) order_.back()->drop();
}

void BlockCache::dropped(Cursor& cursor) {
  if (cursor.counted_ == 0) return;
  bytes_ -= cursor.counted_;
  cursor.counted_ = 0;
  order_.erase(cursor.where_);
}

void Cursor::drop() {
  cache_.dropped(*this);
  block_.reset();
}

Status Cursor::read(const Place& from) {
  if (!block_) block_.emplace();
  Place next = from;
  if (auto status = read_(next, *block_); !status) {
    drop();
    return status;
  }
  start_ = from;
  next_ = next;
  ++reads_;
  count_ = block_->size();
  more_ = block_->more;
  cache_.used(*this);
  return {};
}

void Cursor::restart() {
  begun_ = false;
  drop();
}

Result<Cursor::Found> Cursor::at(uint64_t index) {
  if (!begun_ || (index == 0 && first_ > 0)) {
    if (index != 0) return std::unexpected(Error::system("go there in a map", EINVAL));
    PINSCOPE_CHECK(read(Place{}));
    begun_ = true;
    first_ = 0;
  } else if (index == first_ + count_ && (count_ > 0 || more_)) {
    PINSCOPE_CHECK(read(next_));
    first_ = index;
  } else if (index < first_ || index > first_ + count_) {
    return std::unexpected(Error::system("go there in a map", EINVAL));
  } else if (!block_) {
    PINSCOPE_CHECK(read(start_));
    if (block_->fingerprint != fingerprint_) first_ = index;
  } else {
    cache_.used(*this);
  }
  fingerprint_ = block_->fingerprint;
  return Found{&*block_, static_cast<size_t>(index - first_)};
}

}  // namespace pinscope::values
