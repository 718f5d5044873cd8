// The file of the audit trail: lines are appended to it one behind the other, each with its place
// in the chain (chain.h).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/record/chain.h"

namespace pinscope::record {

// The limit for a line, in bytes with its newline.
inline constexpr size_t kLongestLine = size_t{1} << 20;

class TrailFile {
 public:
  TrailFile() = default;
  // Opens it, and makes it (0600) and its directory (0700) if it is not there. What is no regular
  // file, or is a symbolic link, is not opened. Where the file is new, the chain goes on from the
  // end of the one that was rotated last, as far as that is there and not compressed.
  static Result<TrailFile> open(const std::string& path);

  [[nodiscard]] bool valid() const { return file_.valid(); }
  // In bytes.
  [[nodiscard]] size_t size() const;

  struct Appended {
    size_t lines = 0;  // that were taken whole
    int errnum = 0;    // why not all
    bool cut = false;  // a part of the next line was taken
    std::string text;  // of the last line that was to be written, as it is in the chain
  };
  // Appends lines of JSON, which have no newline and no place in a chain yet, with one write under
  // the lock of the file; behind a newline where the last line of the file was cut. Who holds the
  // lock and does not go on is waited for no longer than 0.2 seconds.
  [[nodiscard]] Appended append(std::span<const std::string_view> lines) const;

 private:
  Fd file_;
  std::string path_;
  ChainLink rotated_;  // from where a new file goes on
};

}  // namespace pinscope::record
