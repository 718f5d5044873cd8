// The counters between two runs, with the place in the audit trail up to which they count: one
// file, replaced as a whole, so that no line counts twice or never.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/metrics/counters.h"
#include "plugin/metrics/trail_reader.h"

namespace pinscope::metrics {

struct Saved {
  uint64_t since_ns = 0;  // CLOCK_REALTIME: when it began to count
  Position position;
  Counters counters;
};

// One line of JSON with a newline, and back. Numbers that this version does not know are ignored,
// those that are missing are 0.
std::string to_json(Saved& saved);
Result<Saved> from_json(std::string text, const std::string& name);

class StateFile {
 public:
  // The file in `directory` for the trail at `audit_path`, however many trails there are. Makes the
  // directory (0755) if it is not there; it must be root's and writable by nobody else. Waits up to
  // two seconds for another process that has it open.
  static Result<StateFile> open(const std::string& directory, const std::string& audit_path);

  // What was saved; nothing yet: `since_ns` is 0.
  [[nodiscard]] Result<Saved> read() const;
  Status write(Saved& saved) const;

 private:
  StateFile(Fd directory, Fd lock, std::string name)
      : directory_(std::move(directory)), lock_(std::move(lock)), name_(std::move(name)) {}
  Fd directory_;
  Fd lock_;
  std::string name_;
};

}  // namespace pinscope::metrics
