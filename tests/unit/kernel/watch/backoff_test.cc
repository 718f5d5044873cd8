#include "plugin/kernel/watch/backoff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope::kernel {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kLoud = 1;
constexpr uint64_t kQuiet = 2;

class Backoffs : public testing::Test {
 protected:
  Backoff::Limits limits_{.first = milliseconds(10),
                          .short_waits = 3,
                          .longest = milliseconds(100),
                          .calm = milliseconds(1000),
                          .window = milliseconds(50),
                          .burst = 4};
  Backoff backoff_{limits_};

  static Backoff::Time at(int ms) { return Backoff::Time(milliseconds(ms)); }
  // The times at which somebody gets a turn who asks every millisecond up to `end`.
  std::vector<int> turns_until(int end, uint64_t key = kLoud, int begin = 0) {
    std::vector<int> turns;
    for (int ms = begin; ms < end; ++ms) {
      for (const uint64_t due : backoff_.due(at(ms), 10))
        if (due == key) turns.push_back(ms);
      if (backoff_.may_act(key, at(ms))) turns.push_back(ms);
    }
    return turns;
  }
};

TEST_F(Backoffs, LetTheFirstActAtOnceAndLaterOnesAfterWaitsThatDouble) {
  EXPECT_THAT(turns_until(500), ElementsAre(0, 10, 20, 30, 50, 90, 170, 270, 370, 470));
}

TEST_F(Backoffs, ForgetWhoIsCalm) {
  turns_until(300);
  EXPECT_EQ(backoff_.slowed(at(300)), 1U);
  (void)backoff_.due(at(400), 10);
  EXPECT_FALSE(backoff_.may_act(kLoud, at(401)));
  (void)backoff_.due(at(600), 10);
  EXPECT_EQ(backoff_.slowed(at(1600)), 0U);
  EXPECT_THAT(turns_until(1650, kLoud, 1600), ElementsAre(1600, 1610, 1620, 1630));
}

TEST_F(Backoffs, DoNotLetAnybodyWaitForAnother) {
  turns_until(300);
  EXPECT_FALSE(backoff_.may_act(kLoud, at(300)));
  EXPECT_TRUE(backoff_.may_act(kQuiet, at(300)));
}

TEST_F(Backoffs, TellOnceWhatWasAskedForOftenInAWait) {
  EXPECT_TRUE(backoff_.may_act(kLoud, at(0)));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(backoff_.may_act(kLoud, at(1)));
  EXPECT_EQ(backoff_.next(), at(10));
  EXPECT_THAT(backoff_.due(at(9), 10), IsEmpty());
  EXPECT_THAT(backoff_.due(at(10), 10), ElementsAre(kLoud));
  EXPECT_THAT(backoff_.due(at(100), 10), IsEmpty());
  EXPECT_EQ(backoff_.next(), std::nullopt);
}

TEST_F(Backoffs, GiveTurnsToThoseThatWaitedForLongest) {
  for (const uint64_t key : {3U, 1U, 2U}) {
    const auto now = at(static_cast<int>(key));
    EXPECT_TRUE(backoff_.may_act(key, now));
    EXPECT_FALSE(backoff_.may_act(key, now));
  }
  EXPECT_THAT(backoff_.due(at(50), 2), ElementsAre(1, 2));
  // Who asks again comes behind the one that is still waiting.
  EXPECT_FALSE(backoff_.may_act(1, at(50)));
  EXPECT_THAT(backoff_.due(at(70), 2), ElementsAre(3, 1));
}

TEST_F(Backoffs, CountTheEventsOfAWindow) {
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(backoff_.count(kLoud, at(10)));
  EXPECT_FALSE(backoff_.count(kLoud, at(59)));
  EXPECT_TRUE(backoff_.count(kQuiet, at(59)));
  EXPECT_TRUE(backoff_.count(kLoud, at(60)));
}

TEST_F(Backoffs, PauseForLongerEachTimeUpToTheLongest) {
  backoff_.pause(kLoud, at(0));
  EXPECT_EQ(backoff_.next(), at(100));
  EXPECT_THAT(backoff_.due(at(100), 10), ElementsAre(kLoud));
  backoff_.pause(kLoud, at(101));
  EXPECT_EQ(backoff_.next(), at(201));
  EXPECT_FALSE(backoff_.may_act(kLoud, at(200)));
}

TEST_F(Backoffs, PauseOnceWhoWaitsAlready) {
  EXPECT_TRUE(backoff_.may_act(kLoud, at(0)));
  EXPECT_FALSE(backoff_.may_act(kLoud, at(0)));
  backoff_.pause(kLoud, at(1));
  EXPECT_EQ(backoff_.waiting(), 1U);
  EXPECT_TRUE(backoff_.waits(kLoud));
  EXPECT_FALSE(backoff_.waits(kQuiet));
  EXPECT_THAT(backoff_.due(at(99), 10), IsEmpty());
  EXPECT_THAT(backoff_.due(at(101), 10), ElementsAre(kLoud));
  EXPECT_FALSE(backoff_.waits(kLoud));
}

TEST_F(Backoffs, ForgetAKeyWithItsWait) {
  EXPECT_TRUE(backoff_.may_act(kLoud, at(0)));
  EXPECT_FALSE(backoff_.may_act(kLoud, at(0)));
  backoff_.forget(kLoud);
  EXPECT_EQ(backoff_.waiting(), 0U);
  EXPECT_TRUE(backoff_.may_act(kLoud, at(1)));
}

}  // namespace
}  // namespace pinscope::kernel
