#include "plugin/values/fuse/turns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace pinscope::values {
namespace {

constexpr uint64_t kMicrosecond = 1000;

TEST(Turns, ServeWhoUsedLeastFirst) {
  Turns turns;
  Share a{.used_ns = 300}, b{.used_ns = 100}, c{.used_ns = 200};
  Share* waiting[] = {&a, &b, &c};
  EXPECT_EQ(turns.next(waiting), (std::vector<Share*>{&b, &c, &a}));
}

TEST(Turns, LetNobodyWaitForWhoIsNotThere) {
  Turns turns;
  Share busy{.used_ns = 1'000'000'000};
  Share* waiting[] = {&busy};
  EXPECT_EQ(turns.next(waiting).size(), 1U);
  EXPECT_TRUE(turns.next({}).empty());
}

// One asks for what takes 5 ms, one for what takes 20 us: the second gets as much time, which is
// many more requests.
TEST(Turns, AreFairByTime) {
  Turns turns;
  Share slow, quick;
  Share* waiting[] = {&slow, &quick};
  int served_slow = 0, served_quick = 0;
  for (int round = 0; round < 10'000; ++round) {
    for (Share* share : std::vector<Share*>(turns.next(waiting))) {
      share->used_ns += share == &slow ? 5000 * kMicrosecond : 20 * kMicrosecond;
      ++(share == &slow ? served_slow : served_quick);
    }
  }
  EXPECT_NEAR(static_cast<double>(served_quick) / served_slow, 250, 25);
}

TEST(Turns, SaveNothingUpForWhoWasAway) {
  Turns turns;
  Share busy, late;
  Share* one[] = {&busy};
  Share* both[] = {&busy, &late};
  for (int i = 0; i < 1000; ++i) {
    turns.next(one);
    busy.used_ns += 1000 * kMicrosecond;
  }
  int rounds_without_busy = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::vector<Share*> served = turns.next(both);
    if (std::ranges::find(served, &busy) == served.end()) ++rounds_without_busy;
    for (Share* share : served) share->used_ns += 1000 * kMicrosecond;
  }
  EXPECT_LE(rounds_without_busy, 2);
}

}  // namespace
}  // namespace pinscope::values
