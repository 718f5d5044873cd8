// Audit lines that found no room: they wait in the state directory, in memory, until the trail
// takes them again (docs/adr/0020-audit-trail-without-space.md).
#pragma once

#include <string>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/record/trail_file.h"

namespace pinscope::record {

// The limit for lines that wait, in bytes. The second half is reserved for grants, so that a
// container which is refused again and again cannot use it up.
inline constexpr size_t kMaxWaiting = size_t{16} << 20;
inline constexpr size_t kMaxForeignWaiting = kMaxWaiting / 2;

inline constexpr const char* kWaitingName = "audit.waiting";

class WaitingLines {
 public:
  WaitingLines() = default;
  // In `directory`, which is made (0700) if it is not there; it must be root's alone.
  static Result<WaitingLines> open(const std::string& directory);

  [[nodiscard]] bool valid() const { return directory_.valid(); }
  // A line without its newline, and without a place in the chain: it gets that when it is moved.
  // kAudit if too many wait.
  [[nodiscard]] Status add(std::string_view line, bool is_grant) const;
  // Moves what waits into the trail, as far as it goes. Somebody else who is at it is not waited
  // for.
  void move_to(const TrailFile& trail) const;

 private:
  explicit WaitingLines(Fd directory) : directory_(std::move(directory)) {}
  [[nodiscard]] Result<Fd> lock_file(bool create) const;
  Fd directory_;
};

}  // namespace pinscope::record
