// The files of an audit trail, and their lines.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope::cli {

// A file that logrotate has put aside: audit.jsonl.1, audit.jsonl-20260131, either with .gz.
struct RotatedFile {
  std::string path;
  uint64_t modified_ns = 0;
};

// Those of the trail `path`, the oldest first.
std::vector<RotatedFile> rotated_files(const std::string& path);

// The text of one of them. What is compressed is read with gzip(1).
Result<std::string> read_rotated(const std::string& path);

// A trail that is open, and is read as it grows.
class Trail {
 public:
  static Result<Trail> open(const std::string& path);
  // Gives the lines that are complete; then, if `with_rest`, what is behind the last line feed.
  Status read_lines(const std::function<void(const std::string& line)>& take, bool with_rest);
  // Whether the path names another file by now, as after a rotation.
  [[nodiscard]] bool was_replaced() const;

 private:
  Trail(std::string path, Fd file) : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  Fd file_;
  std::string rest_;  // the beginning of a line
};

}  // namespace pinscope::cli
