// Who is served next: fair by time. Pure: it is told who waits, and what was spent on whom.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pinscope::values {

// What was spent on one connection, in nanoseconds.
struct Share {
  uint64_t used_ns = 0;
};

class Turns {
 public:
  // How far one may be ahead of the one that used least, and still be served in the same round.
  static constexpr uint64_t kAheadNs = 500'000;

  // Of those that wait, whom to serve in this round, one request each, those first that used least.
  // Who did not wait before has nothing saved up. Somebody is served if anybody waits.
  const std::vector<Share*>& next(std::span<Share* const> waiting);

 private:
  uint64_t least_ns_ = 0;  // of those that waited in the last round
  std::vector<Share*> served_;
};

}  // namespace pinscope::values
