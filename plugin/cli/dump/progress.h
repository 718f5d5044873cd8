// The progress bar of `pinscope dump`: on standard error, if that is a terminal and standard output
// is none, and what is shown takes longer than a second.
#pragma once

#include <chrono>
#include <string>

#include "plugin/values/read/walk.h"

namespace pinscope::cli {

// How much of the map a walk has behind it, 0 to 1; negative if that cannot be told.
double share_of(const values::Place& place, const values::MapFacts& facts);

// "[######--------------] 30 %, 300000 entries"
std::string progress_line(double share, uint64_t entries);

class Progress {
 public:
  Progress();
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void at(const values::Place& place, const values::MapFacts& facts);
  // Takes the line away: something else is about to be written.
  void clear();

 private:
  bool enabled_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace pinscope::cli
