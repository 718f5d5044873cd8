#include "plugin/values/fuse/digest_index.h"

namespace pinscope::values {

void DigestIndex::remember(std::string_view name, std::span<const std::byte> key) {
  if (const auto found = where_.find(name); found != where_.end()) {
    order_.splice(order_.begin(), order_, found->second);
    return;
  }
  order_.push_front({std::string(name), Key(key.begin(), key.end())});
  where_.emplace(order_.front().name, order_.begin());
  bytes_ += name.size() + key.size();
  while (bytes_ > limit_ && order_.size() > 1) {
    const Known& oldest = order_.back();
    bytes_ -= oldest.name.size() + oldest.key.size();
    where_.erase(oldest.name);
    order_.pop_back();
  }
}

const DigestIndex::Key* DigestIndex::find(std::string_view name) const {
  const auto found = where_.find(name);
  return found == where_.end() ? nullptr : &found->second->key;
}

}  // namespace pinscope::values
