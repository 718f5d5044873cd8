// Notes on what globs match and is left out. Whoever may pin below a glob makes any number of them,
// so the first are said and the others counted.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace pinscope::policy {

class MatchNotes {
 public:
  // `notes` must outlive this.
  explicit MatchNotes(std::vector<std::string>& notes) : notes_(notes) {}

  void add(std::string note) {
    if (count_++ < kMaxSaid) notes_.push_back(std::move(note));
  }
  // To be called once, after the last.
  void finish() {
    if (count_ > kMaxSaid)
      notes_.push_back("and left out " + std::to_string(count_ - kMaxSaid) +
                       " more of what globs match");
  }

 private:
  static constexpr size_t kMaxSaid = 8;
  std::vector<std::string>& notes_;
  size_t count_ = 0;
};

}  // namespace pinscope::policy
