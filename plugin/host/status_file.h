// The file from which a probe learns whether a program that runs for long is ready: one line,
// "ready" or "not ready: why". `pinscope node ready` reads it.
#pragma once

#include <string>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope {

class StatusFile {
 public:
  StatusFile() = default;  // no file: what is written goes nowhere

  // Makes the directory of `path`, which is absolute, if it is not there.
  static Result<StatusFile> open(const std::string& path);

  // Replaces the line; control characters in it are escaped.
  Status write(std::string_view line) const;

 private:
  Fd directory_;
  std::string name_;
};

}  // namespace pinscope
