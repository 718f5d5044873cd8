// How much work the comparison of a set's policies with each other may be. No set that people write
// comes near; one that is made to does not hold up whoever checks or compiles it.
#pragma once

#include <cstdint>

#include "plugin/model/policy.h"

namespace pinscope::policy {

// Counted in comparisons of two policies: some 200 ns each.
class SetBudget {
 public:
  static constexpr uint64_t kMax = 4'000'000;

  // False if nothing was left before.
  bool spend(uint64_t comparisons) {
    if (is_spent()) return false;
    spent_ += comparisons;
    return true;
  }
  [[nodiscard]] bool is_spent() const { return spent_ >= kMax; }
  [[nodiscard]] uint64_t spent() const { return spent_; }

 private:
  uint64_t spent_ = 0;
};

// What it takes to compare whom they select: more for long lists.
uint64_t cost_of_comparing(const model::Policy& one, const model::Policy& other);

}  // namespace pinscope::policy
