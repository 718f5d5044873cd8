#include "plugin/values/fuse/key_table.h"

#include <utility>

namespace pinscope::values {

KnownKey* KeyTable::find(uint64_t number) {
  const auto found = where_.find(number);
  if (found == where_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return &order_.front();
}

KnownKey& KeyTable::insert(KnownKey known) {
  if (KnownKey* old = find(known.number); old != nullptr) return *old = std::move(known);
  if (order_.size() >= limit_ && !order_.empty()) {
    where_.erase(order_.back().number);
    order_.pop_back();
  }
  order_.push_front(std::move(known));
  where_.emplace(order_.front().number, order_.begin());
  return order_.front();
}

}  // namespace pinscope::values
