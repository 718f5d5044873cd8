#include "plugin/values/fuse/turns.h"

#include <algorithm>

namespace pinscope::values {

const std::vector<Share*>& Turns::next(std::span<Share* const> waiting) {
  served_.assign(waiting.begin(), waiting.end());
  if (served_.empty()) return served_;
  for (Share* share : served_) share->used_ns = std::max(share->used_ns, least_ns_);
  std::ranges::sort(served_, {}, &Share::used_ns);
  least_ns_ = served_.front()->used_ns;
  const uint64_t limit = least_ns_ + kAheadNs;
  const auto end = std::ranges::upper_bound(served_, limit, {}, &Share::used_ns);
  served_.erase(end, served_.end());
  return served_;
}

}  // namespace pinscope::values
