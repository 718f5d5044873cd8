// The files of an audit trail, and their lines.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/record/rotated.h"

namespace pinscope::cli {

// The files that logrotate has put aside, the oldest first.
std::vector<record::RotatedFile> rotated_in_order(const std::string& path);

// The text of a file that logrotate has put aside. What is compressed is read with gzip(1).
Result<std::string> read_rotated(const std::string& path);

// A trail that is open, and is read as it grows.
class Trail {
 public:
  static Result<Trail> open(const std::string& path);
  // Gives the lines that are complete; then, if `with_rest`, what is behind the last line feed.
  Status read_lines(const std::function<void(const std::string& line)>& take, bool with_rest);
  // What is behind the last line feed so far: the beginning of a line.
  [[nodiscard]] const std::string& rest() const { return rest_; }
  // Whether the path names another file by now, as after a rotation.
  [[nodiscard]] bool was_replaced() const;
  // Whether the file goes by this name by now.
  [[nodiscard]] bool is_now(const std::string& path) const;

 private:
  Trail(std::string path, Fd file) : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  Fd file_;
  std::string rest_;  // the beginning of a line
};

}  // namespace pinscope::cli
