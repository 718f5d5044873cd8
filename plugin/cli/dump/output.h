// Where `pinscope dump` writes: one large buffer, written in pieces with write(2), which tells a
// reader that went away from other failures; and the interruption by Ctrl-C.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "plugin/base/result.h"

namespace pinscope::cli {

class DumpOutput {
 public:
  explicit DumpOutput(int fd);

  // Whole lines are appended here.
  std::string& text() { return text_; }
  // Writes what is there if that is a piece's worth. An error only if the file cannot be written.
  Status offer() { return text_.size() < kPiece ? Status() : flush(); }
  Status flush();
  // Whoever read has gone: nothing more need be made.
  [[nodiscard]] bool is_closed() const { return closed_; }

 private:
  static constexpr size_t kPiece = size_t{256} << 10U;
  int fd_;
  bool closed_ = false;
  std::string text_;
};

// From now on SIGINT and SIGTERM are noted and do not end the process; a second one does.
void note_interruptions();
bool is_interrupted();

// Sleeps for so long, or until an interruption.
void sleep_or_interrupted(uint64_t milliseconds);

}  // namespace pinscope::cli
