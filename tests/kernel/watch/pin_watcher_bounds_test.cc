// What somebody who pins and unpins in a loop, or makes names without end, can do to the watcher
// and to others: be heard late.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/stat.h>

#include "plugin/base/clock.h"
#include "tests/kernel/watch/pin_watcher_test.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class PinWatcherBounds : public PinWatcherTest {
 protected:
  // Pins `path` anew `times` times.
  void pin_again(const std::string& path, int times) {
    const Fd map = make_map();
    for (int i = 0; i < times; ++i) {
      ::unlink(path.c_str());
      again_.object(map, path);
    }
  }
  // Another change of the directory would give it another time.
  static bool is_settled(const std::string& directory) {
    struct stat status {};
    check(::stat(directory.c_str(), &status), "stat");
    return wall_clock_ns() > nanoseconds_of(status.st_ctim) + 20'000'000;
  }
  HostPins again_;
};

TEST_F(PinWatcherBounds, HearLateOfWhoPinsInALoopAndAtOnceOfOthers) {
  PinWatcher::Limits limits;
  limits.backoff.short_waits = 2;
  PinWatcher watcher = make(limits);
  make_directory(at("loud"));
  make_directory(at("quiet"));
  watcher.add({{1, at("loud/flows")}, {2, at("quiet/flows")}}, now_);
  int told = 0;
  for (int ms = 0; ms < 1000; ms += 5) {
    pin_again(at("loud/flows"), 1);
    told += watcher.take(now_ + milliseconds(ms)).empty() ? 0 : 1;
  }
  // At 0, 10 and 20 ms, and then after 20, 40, 80, 160 and 320 more.
  EXPECT_EQ(told, 8);
  now_ += milliseconds(1000);
  EXPECT_GT(watcher.counters(now_).waits, 150U);
  EXPECT_EQ(watcher.counters(now_).slowed, 1U);
  pin_again(at("loud/flows"), 1);
  pins_.map(at("quiet/flows"));
  EXPECT_THAT(watcher.take(now_), ElementsAre(2));
  // And of the loud one when it is its turn, though nothing happens any more.
  ASSERT_GT(watcher.next(), now_);
  EXPECT_THAT(watcher.take(watcher.next()), ElementsAre(1));
  EXPECT_EQ(watcher.counters(now_).overflows, 0U);
}

TEST_F(PinWatcherBounds, DoNotListenForATimeToADirectoryWithTooManyEvents) {
  PinWatcher watcher = make();
  make_directory(at("loud"));
  make_directory(at("quiet"));
  watcher.add({{1, at("loud/flows")}, {2, at("quiet/flows")}}, now_);
  const size_t before = watcher.counters(now_).watches;
  // It need not be the source that is pinned in a loop.
  pin_again(at("loud/other"), 400);
  pins_.map(at("quiet/flows"));
  EXPECT_THAT(watcher.take(now_), ElementsAre(2));
  EXPECT_EQ(watcher.counters(now_).paused, 1U);
  EXPECT_EQ(watcher.counters(now_).pauses, 1U);
  EXPECT_EQ(watcher.counters(now_).watches, before - 1);
  // Nothing of this is heard.
  pin_again(at("loud/other"), 400);
  pins_.map(at("loud/flows"));
  const auto events = watcher.counters(now_).events;
  EXPECT_THAT(watcher.take(now_), IsEmpty());
  EXPECT_EQ(watcher.counters(now_).events, events);
  EXPECT_FALSE(wakes(watcher));
  now_ = watcher.next();
  EXPECT_THAT(watcher.take(now_), ElementsAre(1));
  EXPECT_EQ(watcher.counters(now_).paused, 0U);
  EXPECT_EQ(watcher.counters(now_).watches, before);
  check(unlink(at("loud/flows").c_str()), "unlink");
  now_ += milliseconds(500);
  EXPECT_THAT(watcher.take(now_), ElementsAre(1));
}

TEST_F(PinWatcherBounds, TellEverythingWhenEventsWereLost) {
  PinWatcher watcher = make();
  pins_.map(at("loud/flows"));
  pins_.map(at("quiet/flows"));
  watcher.add({{1, at("loud/flows")}, {2, at("quiet/flows")}, {3, at("none/flows")}}, now_);
  const int queue = std::stoi(read_file("/proc/sys/fs/inotify/max_queued_events"));
  pin_again(at("loud/other"), queue / 2 + 10);
  make_directory(at("none"));
  EXPECT_THAT(watcher.take(now_), ElementsAre(1, 2, 3));
  EXPECT_EQ(watcher.counters(now_).overflows, 1U);
  // The directory whose making was lost is watched by now.
  pins_.map(at("none/flows"));
  now_ += milliseconds(100);
  EXPECT_THAT(watcher.take(now_), testing::Contains(3));
}

TEST_F(PinWatcherBounds, LookNowAndThenAtDirectoriesThatMayNotBeWatched) {
  PinWatcher::Limits limits;
  limits.watches = 2;  // the bpffs, and one directory in it
  PinWatcher watcher = make(limits);
  for (const char* name : {"a", "b", "c"}) pins_.map(at(std::string(name) + "/flows"));
  ASSERT_TRUE(wait_until([&] { return is_settled(at("c")); }));
  watcher.add({{1, at("a/flows")}, {2, at("b/flows")}, {3, at("c/flows")}}, now_);
  EXPECT_EQ(watcher.counters(now_).watches, 2U);
  EXPECT_EQ(watcher.counters(now_).without_watch, 2U);
  EXPECT_THAT(watcher.take(now_), IsEmpty());
  EXPECT_THAT(changes(watcher), IsEmpty());
  pin_again(at("b/flows"), 1);
  EXPECT_THAT(watcher.take(now_), IsEmpty());
  now_ = watcher.next();
  EXPECT_THAT(watcher.take(now_), ElementsAre(2));
  EXPECT_GE(watcher.counters(now_).sweeps, 2U);
  // A place that gets free is taken.
  watcher.remove({1});
  (void)changes(watcher);
  (void)changes(watcher);
  EXPECT_EQ(watcher.counters(now_).without_watch, 1U);
}

// The kernel's clock of files does not tell two changes within a tick from each other.
TEST_F(PinWatcherBounds, LookAgainAtADirectoryThatHadJustChanged) {
  PinWatcher::Limits limits;
  limits.watches = 0;
  PinWatcher watcher = make(limits);
  make_directory(at("a"));
  watcher.add({{1, at("a/flows")}}, now_);
  EXPECT_THAT(watcher.take(now_), IsEmpty());
  now_ = watcher.next();
  EXPECT_THAT(watcher.take(now_), ElementsAre(1));
}

TEST_F(PinWatcherBounds, DoNotGiveTheWatchesToDirectoriesThatAGlobFinds) {
  PinWatcher::Limits limits;
  limits.watches = 10;
  PinWatcher watcher = make(limits);
  make_directory(at("tenant"));
  watcher.add({{1, at("tenant"), {any_depth()}}}, now_);
  for (int i = 0; i < 20; ++i) make_directory(at("tenant/" + std::to_string(i)));
  (void)changes(watcher);
  EXPECT_EQ(watcher.counters(now_).watches, 5U);
  pins_.map(at("app/flows"));
  watcher.add({{2, at("app/flows")}}, now_);
  (void)changes(watcher);
  check(unlink(at("app/flows").c_str()), "unlink");
  EXPECT_THAT(watcher.take(now_), ElementsAre(2));
}

TEST_F(PinWatcherBounds, TellAtEachSweepAGlobThatLooksIntoTooManyDirectories) {
  PinWatcher::Limits limits;
  limits.globs.found_of_glob = 5;
  PinWatcher watcher = make(limits);
  make_directory(at("tenant"));
  for (int i = 0; i < 20; ++i) make_directory(at("tenant/" + std::to_string(i)));
  watcher.add({{1, at("tenant"), {any_depth()}}, {2, at("flows")}}, now_);
  EXPECT_EQ(watcher.counters(now_).cut_globs, 1U);
  (void)watcher.take(now_);
  for (int i = 0; i < 2; ++i) {
    now_ = watcher.next();
    EXPECT_THAT(watcher.take(now_), ElementsAre(1));
  }
  // Until they are few again, which is found in the long run.
  for (int i = 0; i < 18; ++i) check(rmdir(at("tenant/" + std::to_string(i)).c_str()), "rmdir");
  (void)changes(watcher);
  now_ += std::chrono::seconds(60);
  (void)changes(watcher);
  EXPECT_EQ(watcher.counters(now_).cut_globs, 0U);
  pins_.map(at("tenant/19/flows"));
  EXPECT_THAT(watcher.take(now_), ElementsAre(1));
}

TEST_F(PinWatcherBounds, LookAtABoundedNumberOfDirectoriesAtOnce) {
  PinWatcher::Limits limits;
  limits.looks = 3;
  PinWatcher watcher = make(limits);
  make_directory(at("app"));
  std::vector<WatchedSource> sources;
  for (uint64_t i = 1; i <= 10; ++i)
    sources.push_back({i, at("app/" + std::to_string(i) + "/flows")});
  watcher.add(sources, now_);
  for (uint64_t i = 1; i <= 10; ++i) make_directory(at("app/" + std::to_string(i)));
  Ids told;
  for (int i = 0; i < 20 && told.size() < 10; ++i) {
    const auto before = watcher.counters(now_).looks;
    for (const uint64_t id : watcher.take(now_)) told.push_back(id);
    EXPECT_LE(watcher.counters(now_).looks - before, 3U);
    if (watcher.next() > now_) now_ = watcher.next();
  }
  EXPECT_THAT(told, SizeIs(10));
}

TEST_F(PinWatcherBounds, CostAThousandSourcesTheirDirectoriesOnceAndLittleMemory) {
  constexpr uint64_t kSources = 1000;
  constexpr uint64_t kDirectories = 100;
  const Fd map = make_map();
  std::vector<WatchedSource> sources;
  for (uint64_t i = 0; i < kSources; ++i) {
    const std::string path =
        at("app/" + std::to_string(i % kDirectories) + "/map_" + std::to_string(i));
    pins_.object(map, path);
    sources.push_back({i, path});
  }
  PinWatcher watcher = make();
  const size_t memory = mallinfo2().uordblks;
  watcher.add(sources, now_);
  const size_t used = mallinfo2().uordblks - memory;
  EXPECT_LT(used, kSources * 1024);
  const auto counters = watcher.counters(now_);
  EXPECT_EQ(counters.watches, kDirectories + 2);  // the bpffs and app
  EXPECT_EQ(counters.looks, kDirectories + 2);
  EXPECT_THAT(changes(watcher), IsEmpty());
  pins_.remove(at("app/7/map_7"));
  EXPECT_THAT(watcher.take(now_), ElementsAre(7));
  // A change costs no look at a directory, and neither does a mount elsewhere.
  const auto elsewhere = Mounted::tmpfs(directory_.make_directory("elsewhere"));
  EXPECT_THAT(watcher.take(now_), IsEmpty());
  EXPECT_EQ(watcher.counters(now_).mount_changes, 1U);
  EXPECT_EQ(watcher.counters(now_).looks, counters.looks);
  Ids all;
  for (uint64_t i = 0; i < kSources; ++i) all.push_back(i);
  watcher.remove(all);
  EXPECT_EQ(watcher.counters(now_).watches, 0U);
  EXPECT_EQ(watcher.counters(now_).places, 1U);
}

}  // namespace
}  // namespace pinscope::test
