// What is mounted in a container after its start, as it is told by events, by the mount table, and
// by looking now and then.
#include "plugin/kernel/watch/mount_watcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <poll.h>
#include <sys/resource.h>

#include <list>

#include "tests/kernel/watch/mount_space.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/silent_file_system.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using kernel::MountChange;
using kernel::MountWatcher;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class MountWatcherTest : public testing::Test {
 protected:
  TempDirectory directory_;
  std::string place_ = directory_.make_directory("place");
  MountWatcher::Time now_ = MountWatcher::Time(std::chrono::hours(1));

  static MountWatcher make(const MountWatcher::Limits& limits = {}) {
    return std::move(MountWatcher::open(limits)).value();
  }
  void add(MountWatcher& watcher, uint64_t key, const MountSpace& space) const {
    const auto process = kernel::ContainerProcess::open(space.pid());
    ASSERT_TRUE(process);
    const auto added = watcher.add(key, *process, now_);
    ASSERT_TRUE(added) << added.error().sentence();
  }
  static bool wakes(const MountWatcher& watcher, int ms = 0) {
    struct pollfd asked = {watcher.fd(), POLLIN, 0};
    return check(::poll(&asked, 1, ms), "poll") == 1;
  }
  // One line for each container.
  static std::vector<std::string> told(const std::vector<MountChange>& changes) {
    std::vector<std::string> lines;
    for (const auto& change : changes) {
      std::string line = std::to_string(change.key) + ":";
      for (const auto& mount : change.attached)
        line += (mount.is_bpf ? " +bpf " : " +") + mount.mount_point;
      for (size_t i = 0; i < change.detached.size(); ++i) line += " -";
      if (change.look_again) line += " look again";
      if (change.is_gone) line += " gone";
      lines.push_back(line);
    }
    return lines;
  }
  // What has happened by now, when nothing waits for its turn any more.
  std::vector<std::string> changes(MountWatcher& watcher) {
    now_ += std::chrono::seconds(3);
    return told(watcher.take(now_));
  }
};

class MountWatchers : public MountWatcherTest {
 protected:
  MountWatcher watcher_ = make();

  void SetUp() override {
    const MountSpace space;
    add(watcher_, 1, space);
    if (watcher_.counters(now_).by_events == 0) GTEST_SKIP() << "Linux 6.15 tells such events";
    watcher_.remove(1);
  }
  std::vector<std::string> changes() { return MountWatcherTest::changes(watcher_); }
};

TEST_F(MountWatchers, TellWhatIsMountedWhereAndThatItIsTakenAway) {
  const MountSpace one;
  const MountSpace two;
  add(watcher_, 1, one);
  add(watcher_, 2, two);
  EXPECT_THAT(changes(), IsEmpty());
  ASSERT_TRUE(one.mount("bpf", place_));
  ASSERT_TRUE(two.mount("tmpfs", place_));
  EXPECT_TRUE(wakes(watcher_));
  EXPECT_THAT(changes(), ElementsAre("1: +bpf " + place_, "2: +" + place_));
  EXPECT_FALSE(wakes(watcher_));
  ASSERT_TRUE(one.unmount(place_));
  EXPECT_THAT(changes(), ElementsAre("1: -"));
  // What is gone again needs nobody to look.
  ASSERT_TRUE(one.churn(place_, 3));
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(MountWatchers, TellWhatIsMovedOntoTheView) {
  const MountSpace space;
  const std::string other = directory_.make_directory("other");
  ASSERT_TRUE(space.mount("bpf", other));
  add(watcher_, 1, space);
  ASSERT_TRUE(space.run(
      [&] { return ::mount(other.c_str(), place_.c_str(), nullptr, MS_MOVE, nullptr) == 0; }));
  EXPECT_THAT(changes(), ElementsAre("1: +bpf " + place_));
}

TEST_F(MountWatchers, TellWhatTheHostMountsAndTheContainerGets) {
  Mounted host = Mounted::tmpfs(directory_.make_directory("host"));
  host.change(MS_SHARED);
  const std::string volume = directory_.make_directory("host/volume");
  const MountSpace follower(MountSpace::Kind::kFollower);
  const MountSpace apart;
  add(watcher_, 1, follower);
  add(watcher_, 2, apart);
  {
    const auto late = Mounted::bpf(volume);
    EXPECT_THAT(changes(), ElementsAre("1: +bpf " + volume));
  }
  EXPECT_THAT(changes(), ElementsAre("1: -"));
}

TEST_F(MountWatchers, SeeTheMountsOfAUserNamespacesRoot) {
  const MountSpace space(MountSpace::Kind::kUser);
  add(watcher_, 1, space);
  EXPECT_EQ(watcher_.counters(now_).by_events, 1U);
  ASSERT_TRUE(space.mount("tmpfs", place_));
  EXPECT_THAT(changes(), ElementsAre("1: +" + place_));
}

TEST_F(MountWatchers, AskNothingOfWhatIsMounted) {
  if (!SilentFileSystem::possible()) GTEST_SKIP() << "this kernel has no FUSE here";
  SilentFileSystem silent(place_);
  silent.fall_silent(SilentFileSystem::Silence::kTaking);
  const std::string other = directory_.make_directory("other");
  const MountSpace space;
  add(watcher_, 1, space);
  ASSERT_TRUE(space.run([&] {
    return ::mount(place_.c_str(), other.c_str(), nullptr, MS_MOVE, nullptr) == 0 &&
           ::mount("tmpfs", other.c_str(), "tmpfs", 0, nullptr) == 0;
  }));
  EXPECT_THAT(changes(), SizeIs(1));
  EXPECT_EQ(silent.unanswered(), 0U);
}

TEST_F(MountWatchers, LetANamespaceGoThatEnds) {
  MountSpace space;
  add(watcher_, 1, space);
  space.end();
  std::vector<std::string> all;
  ASSERT_TRUE(wait_until([&] {
    if (wakes(watcher_))
      for (auto& line : changes()) all.push_back(line);
    return watcher_.counters(now_).by_events == 0;
  }));
  ASSERT_FALSE(all.empty());
  EXPECT_TRUE(all.back().ends_with("gone")) << all.back();
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(MountWatchers, WatchOnWhenAProcessIsLeftInTheNamespace) {
  MountSpace space;
  const std::string path = "/proc/" + std::to_string(space.pid()) + "/ns/mnt";
  Fd kept(check(open(path.c_str(), O_RDONLY | O_CLOEXEC), "open " + path));
  add(watcher_, 1, space);
  space.end();
  ASSERT_TRUE(wakes(watcher_, 30'000));
  EXPECT_THAT(changes(), IsEmpty());
  const pid_t child = check(fork(), "fork");
  if (child == 0) {
    _exit(setns(kept.get(), CLONE_NEWNS) == 0 &&
                  ::mount("bpf", place_.c_str(), "bpf", 0, nullptr) == 0
              ? 0
              : 1);
  }
  int status = 0;
  check(waitpid(child, &status, 0), "waitpid");
  ASSERT_EQ(status, 0);
  EXPECT_THAT(changes(), ElementsAre("1: +bpf " + place_));
  kept.reset();
  ASSERT_TRUE(wait_until([&] { return wakes(watcher_); }));
  now_ += std::chrono::seconds(3);
  const auto last = watcher_.take(now_);
  ASSERT_THAT(last, SizeIs(1));
  EXPECT_TRUE(last[0].is_gone);
}

TEST_F(MountWatchers, DoNotTellOfAContainerThatWasRemoved) {
  const MountSpace one;
  const MountSpace two;
  add(watcher_, 1, one);
  add(watcher_, 1, two);
  EXPECT_EQ(watcher_.counters(now_).by_events, 1U);
  ASSERT_TRUE(one.mount("tmpfs", place_));
  EXPECT_THAT(changes(), IsEmpty());
  ASSERT_TRUE(two.mount("tmpfs", place_));
  watcher_.remove(1);
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(MountWatchers, SeeANamespaceThatTwoContainersShare) {
  const MountSpace space;
  MountWatcher::Limits limits;
  limits.queues = 1;
  MountWatcher watcher = make(limits);
  add(watcher, 1, space);
  add(watcher, 2, space);
  watcher.remove(1);
  ASSERT_TRUE(space.mount("tmpfs", place_));
  EXPECT_THAT(MountWatcherTest::changes(watcher), ElementsAre("2: +" + place_));
}

TEST_F(MountWatchers, DoNotListenForATimeToWhoMountsInALoop) {
  const MountSpace loud;
  const MountSpace quiet;
  add(watcher_, 1, loud);
  add(watcher_, 2, quiet);
  ASSERT_TRUE(loud.churn(place_, 400));
  EXPECT_THAT(watcher_.take(now_), IsEmpty());
  EXPECT_EQ(watcher_.counters(now_).pauses, 1U);
  const auto events = watcher_.counters(now_).events;
  ASSERT_TRUE(loud.churn(place_, 400));
  ASSERT_TRUE(loud.mount("bpf", place_));
  ASSERT_TRUE(quiet.mount("tmpfs", place_));
  EXPECT_THAT(told(watcher_.take(now_)), ElementsAre("2: +" + place_));
  EXPECT_EQ(watcher_.counters(now_).events, events + 1);
  EXPECT_FALSE(wakes(watcher_));
  now_ = watcher_.next();
  EXPECT_THAT(told(watcher_.take(now_)), ElementsAre("1: +bpf " + place_ + " look again"));
  ASSERT_TRUE(loud.unmount(place_));
  EXPECT_THAT(changes(), ElementsAre("1: -"));
}

TEST_F(MountWatchers, TellLateWhatOneMountsOftenAndDoNotWakeForItBefore) {
  const MountSpace space;
  add(watcher_, 1, space);
  ASSERT_TRUE(space.mount("tmpfs", place_));
  EXPECT_THAT(watcher_.take(now_), SizeIs(1));
  ASSERT_TRUE(space.mount("tmpfs", place_));
  EXPECT_THAT(watcher_.take(now_), IsEmpty());
  EXPECT_FALSE(wakes(watcher_));
  EXPECT_EQ(watcher_.next(), now_ + milliseconds(10));
  EXPECT_EQ(watcher_.counters(now_).waits, 1U);
  EXPECT_THAT(told(watcher_.take(watcher_.next())), ElementsAre("1: +" + place_));
}

TEST_F(MountWatchers, SayToLookAgainWhenEventsWereLost) {
  const MountSpace space;
  add(watcher_, 1, space);
  const int queue = std::stoi(read_file("/proc/sys/fs/fanotify/max_queued_events"));
  ASSERT_TRUE(space.churn(place_, queue / 2 + 10));
  EXPECT_THAT(told(watcher_.take(now_)), ElementsAre("1: look again"));
  EXPECT_EQ(watcher_.counters(now_).overflows, 1U);
}

TEST_F(MountWatchers, TellABoundedNumberOfMounts) {
  MountWatcher::Limits limits;
  limits.attached = 3;
  limits.ids = 100;
  MountWatcher watcher = make(limits);
  const MountSpace space;
  add(watcher, 1, space);
  ASSERT_TRUE(space.mount("tmpfs", place_, 5));
  auto changed = watcher.take(now_);
  ASSERT_THAT(changed, SizeIs(1));
  EXPECT_THAT(changed[0].attached, SizeIs(3));
  EXPECT_TRUE(changed[0].look_again);
  // More than are remembered: every change is one to look at.
  ASSERT_TRUE(space.mount("tmpfs", place_, 100));
  (void)MountWatcherTest::changes(watcher);
  ASSERT_TRUE(space.unmount(place_));
  now_ += std::chrono::seconds(3);
  changed = watcher.take(now_);
  ASSERT_THAT(changed, SizeIs(1));
  EXPECT_TRUE(changed[0].look_again);
}

TEST_F(MountWatchers, LookNowAndThenWhereThereIsNoQueue) {
  MountWatcher::Limits limits;
  limits.queues = 0;
  limits.tables = 0;
  MountWatcher watcher = make(limits);
  MountSpace space;
  add(watcher, 1, space);
  EXPECT_EQ(watcher.counters(now_).by_sweep, 1U);
  ASSERT_TRUE(space.mount("bpf", place_));
  EXPECT_THAT(watcher.take(now_), IsEmpty());
  now_ = watcher.next();
  EXPECT_THAT(told(watcher.take(now_)), ElementsAre("1: +bpf " + place_));
  now_ = watcher.next();
  EXPECT_THAT(watcher.take(now_), IsEmpty());
}

TEST_F(MountWatchers, CostAThousandContainersLittle) {
  constexpr uint64_t kContainers = 1000;
  struct rlimit old {};
  getrlimit(RLIMIT_NOFILE, &old);
  const struct rlimit more = {4096, old.rlim_max};
  check(setrlimit(RLIMIT_NOFILE, &more), "setrlimit");
  std::list<MountSpace> spaces;
  for (uint64_t i = 0; i < kContainers; ++i) spaces.emplace_back();
  const size_t memory = mallinfo2().uordblks;
  uint64_t key = 0;
  for (const auto& space : spaces) add(watcher_, ++key, space);
  EXPECT_LT(mallinfo2().uordblks - memory, kContainers * 4096);
  const auto counters = watcher_.counters(now_);
  EXPECT_EQ(counters.by_events, kContainers);
  EXPECT_EQ(counters.queues, 64U);
  EXPECT_EQ(counters.looks, 0U);
  EXPECT_THAT(changes(), IsEmpty());
  ASSERT_TRUE(spaces.back().mount("bpf", place_));
  EXPECT_THAT(changes(), ElementsAre("1000: +bpf " + place_));
  // Those of one queue were looked at, and no other.
  EXPECT_LE(watcher_.counters(now_).looks, kContainers / 64 + 1);
  for (uint64_t i = 1; i <= kContainers; ++i) watcher_.remove(i);
  EXPECT_EQ(watcher_.counters(now_).by_events, 0U);
  spaces.clear();
  check(setrlimit(RLIMIT_NOFILE, &old), "setrlimit");
}

// --- Before Linux 6.15
// ----------------------------------------------------------------------------

class MountWatchersByTable : public MountWatcherTest {
 protected:
  static MountWatcher::Limits by_table() {
    MountWatcher::Limits limits;
    limits.by_events = false;
    return limits;
  }
  MountWatcher watcher_ = make(by_table());

  std::vector<std::string> changes() { return MountWatcherTest::changes(watcher_); }
};

TEST_F(MountWatchersByTable, SayWhereToLookAgain) {
  const MountSpace one;
  const MountSpace two;
  add(watcher_, 1, one);
  add(watcher_, 2, two);
  EXPECT_EQ(watcher_.counters(now_).by_table, 2U);
  EXPECT_THAT(changes(), IsEmpty());
  ASSERT_TRUE(two.mount("tmpfs", place_));
  EXPECT_TRUE(wakes(watcher_));
  EXPECT_THAT(changes(), ElementsAre("2: look again"));
  EXPECT_FALSE(wakes(watcher_));
  ASSERT_TRUE(one.mount("bpf", place_));
  ASSERT_TRUE(two.unmount(place_));
  EXPECT_TRUE(wakes(watcher_));
  EXPECT_THAT(changes(), ElementsAre("1: look again", "2: look again"));
}

TEST_F(MountWatchersByTable, TellLateWhatOneMountsOftenAndDoNotWakeForItBefore) {
  const MountSpace space;
  const MountSpace quiet;
  add(watcher_, 1, space);
  add(watcher_, 2, quiet);
  ASSERT_TRUE(space.churn(place_, 1));
  EXPECT_THAT(watcher_.take(now_), SizeIs(1));
  ASSERT_TRUE(space.churn(place_, 1));
  EXPECT_THAT(watcher_.take(now_), IsEmpty());
  ASSERT_TRUE(space.churn(place_, 100));
  EXPECT_FALSE(wakes(watcher_));
  ASSERT_TRUE(quiet.mount("tmpfs", place_));
  EXPECT_TRUE(wakes(watcher_));
  EXPECT_THAT(told(watcher_.take(now_)), ElementsAre("2: look again"));
  EXPECT_EQ(watcher_.next(), now_ + milliseconds(10));
  EXPECT_THAT(told(watcher_.take(watcher_.next())), ElementsAre("1: look again"));
}

TEST_F(MountWatchersByTable, LetTheNamespaceGoWithItsProcess) {
  MountSpace space;
  const std::string kept = directory_.make_directory("kept");
  const auto file_system = Mounted::bpf(kept);
  add(watcher_, 1, space);
  space.end();
  ASSERT_TRUE(wakes(watcher_, 30'000));
  EXPECT_THAT(told(watcher_.take(now_)), ElementsAre("1: gone"));
  EXPECT_EQ(watcher_.counters(now_).by_table, 0U);
  EXPECT_FALSE(wakes(watcher_));
}

// Linux 6.11 to 6.14 list the mounts of a namespace, which the open table would keep.
TEST_F(MountWatchersByTable, LetTheNamespaceGoWithItsProcessWhereItCouldBeListed) {
  MountWatcher::Limits limits;
  limits.queues = 0;
  MountWatcher watcher = make(limits);
  MountSpace space;
  add(watcher, 1, space);
  EXPECT_EQ(watcher.counters(now_).by_table, 1U);
  space.end();
  ASSERT_TRUE(wakes(watcher, 30'000));
  EXPECT_THAT(told(watcher.take(now_)), ElementsAre("1: gone"));
  EXPECT_EQ(watcher.counters(now_).by_table, 0U);
}

TEST_F(MountWatchersByTable, SayNowAndThenToLookWhereTooManyTablesAreOpen) {
  auto limits = by_table();
  limits.tables = 1;
  limits.looks = 1;
  MountWatcher watcher = make(limits);
  const MountSpace one;
  const MountSpace two;
  const MountSpace three;
  add(watcher, 1, one);
  add(watcher, 2, two);
  add(watcher, 3, three);
  EXPECT_EQ(watcher.counters(now_).by_sweep, 2U);
  EXPECT_THAT(watcher.take(now_), IsEmpty());
  now_ = watcher.next();
  EXPECT_THAT(told(watcher.take(now_)), ElementsAre("2: look again"));
  EXPECT_LE(watcher.next(), now_);
  EXPECT_THAT(told(watcher.take(now_)), ElementsAre("3: look again"));
  EXPECT_GT(watcher.next(), now_);
  watcher.remove(1);
  add(watcher, 4, one);
  EXPECT_EQ(watcher.counters(now_).by_table, 1U);
}

TEST_F(MountWatchersByTable, RefuseAProcessThatHasEnded) {
  MountSpace space;
  const auto process = kernel::ContainerProcess::open(space.pid());
  space.end();
  ASSERT_TRUE(process);
  const auto added = watcher_.add(1, *process, now_);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().sentence(),
            "cannot watch the mounts of a container: its process has ended");
  EXPECT_EQ(added.error().code(), ErrorCode::kProcessGone);
}

}  // namespace
}  // namespace pinscope::test
