// Reads on in the audit trail from where somebody stopped, through rotations: the rest of the file
// that was put aside comes first. Keeps nothing of what it has read: a trail of any size takes the
// memory of one line.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "plugin/base/result.h"

namespace pinscope::metrics {

// Where a reader has stopped. A file is known by its number and by the bytes in front of the place:
// numbers are used again, and a file can be cut and grow anew.
struct Position {
  bool is_set = false;  // false: nothing was read yet
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t offset = 0;   // bytes
  std::string mark;      // digest of the last kMarkSize bytes in front of `offset`, or fewer
  bool in_line = false;  // within a line that is too long to be one
  friend bool operator==(const Position&, const Position&) = default;
};
inline constexpr uint64_t kMarkSize = 256;

struct Taker {
  std::function<void(std::string_view line)> line;  // whole, without its newline
  std::function<void()> damaged;  // a line that never ended, or is longer than any may be
  std::function<void()> lost;     // the file of the position is gone, or is not what it was
};

struct Progress {
  Position position;
  uint64_t unread = 0;  // bytes of the trail that are left for the next time
  uint64_t size = 0;    // bytes of the trail's newest file
};

// Reads at most about `budget` bytes. Without a position it begins with the newest file: what was
// rotated before is not read. No file is no error: nothing was audited yet. A file that is
// compressed is not read, so logrotate's `delaycompress` is needed.
Result<Progress> read_on(const std::string& path, Position from, uint64_t budget,
                         const Taker& taker);

}  // namespace pinscope::metrics
