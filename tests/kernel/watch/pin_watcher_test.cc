// Which sources may have changed, as their pins and directories, and the mounts on the way to them,
// come, go and are replaced.
#include "tests/kernel/watch/pin_watcher_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include "tests/support/machine/silent_file_system.h"

namespace pinscope::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class PinWatchers : public PinWatcherTest {
 protected:
  PinWatcher watcher_ = make();

  void watch(std::vector<WatchedSource> sources) { watcher_.add(std::move(sources), now_); }
  Ids changes() { return PinWatcherTest::changes(watcher_); }
};

TEST_F(PinWatchers, TellNothingOfWhatIsThereAndWhatDoesNotChange) {
  pins_.map(at("app/flows"));
  watch({{1, at("app/flows")}, {2, at("app/missing")}});
  EXPECT_THAT(changes(), IsEmpty());
  pins_.map(at("app/other"));
  EXPECT_THAT(changes(), IsEmpty());
  EXPECT_FALSE(wakes(watcher_));
}

TEST_F(PinWatchers, TellThatAPinIsMadeAnewAtItsPath) {
  pins_.map(at("app/flows"));
  pins_.map(at("app/counters"));
  watch({{1, at("app/flows")}, {2, at("app/counters")}});
  check(unlink(at("app/flows").c_str()), "unlink");
  pins_.map(at("app/flows"));
  EXPECT_TRUE(wakes(watcher_));
  EXPECT_THAT(changes(), ElementsAre(1));
  pins_.map(at("app/new"));
  move(at("app/new"), at("app/counters"));
  EXPECT_THAT(changes(), ElementsAre(2));
}

TEST_F(PinWatchers, TellThatAPinAppearsAndDisappears) {
  make_directory(at("app"));
  watch({{1, at("app/flows")}});
  pins_.map(at("app/flows"));
  EXPECT_THAT(changes(), ElementsAre(1));
  check(link(at("app/flows").c_str(), at("kept").c_str()), "link");
  check(unlink(at("app/flows").c_str()), "unlink");
  EXPECT_THAT(changes(), ElementsAre(1));
  check(link(at("kept").c_str(), at("app/flows").c_str()), "link");
  EXPECT_THAT(changes(), ElementsAre(1));
  check(unlink(at("kept").c_str()), "unlink");
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(PinWatchers, WaitForDirectoriesThatDoNotExistYet) {
  watch({{1, at("a/b/c/flows")}});
  make_directory(at("a"));
  make_directory(at("a/b"));
  EXPECT_THAT(changes(), IsEmpty());
  // Within one look: directory and pin are there before either was watched.
  pins_.map(at("a/b/c/flows"));
  EXPECT_THAT(changes(), ElementsAre(1));
  check(unlink(at("a/b/c/flows").c_str()), "unlink");
  EXPECT_THAT(changes(), ElementsAre(1));
}

TEST_F(PinWatchers, FollowThePathWhenADirectoryOnItIsReplaced) {
  pins_.map(at("a/b/flows"));
  watch({{1, at("a/b/flows")}});
  move(at("a"), at("old"));
  EXPECT_THAT(changes(), ElementsAre(1));
  pins_.map(at("old/b/other"));
  check(unlink(at("old/b/flows").c_str()), "unlink");
  EXPECT_THAT(changes(), IsEmpty());
  pins_.map(at("next/b/flows"));
  move(at("next"), at("a"));
  EXPECT_THAT(changes(), ElementsAre(1));
  check(unlink(at("a/b/flows").c_str()), "unlink");
  check(rmdir(at("a/b").c_str()), "rmdir");
  EXPECT_THAT(changes(), ElementsAre(1));
  pins_.map(at("a/b/flows"));
  EXPECT_THAT(changes(), ElementsAre(1));
}

TEST_F(PinWatchers, WatchTheNewDirectoryWhereOneWasReplacedUnseen) {
  pins_.map(at("a/b/flows"));
  watch({{1, at("a/b/flows")}});
  move(at("a/b"), at("old"));
  pins_.map(at("a/b/flows"));
  EXPECT_THAT(changes(), ElementsAre(1));
  check(unlink(at("old/flows").c_str()), "unlink");
  EXPECT_THAT(changes(), IsEmpty());
  check(unlink(at("a/b/flows").c_str()), "unlink");
  EXPECT_THAT(changes(), ElementsAre(1));
}

TEST_F(PinWatchers, DoNotFollowSymbolicLinks) {
  pins_.map(at("real/flows"));
  check(symlink("real", at("app").c_str()), "symlink");
  watch({{1, at("app/flows")}});
  pins_.map(at("real/other"));
  check(unlink(at("real/flows").c_str()), "unlink");
  EXPECT_THAT(changes(), IsEmpty());
  check(unlink(at("app").c_str()), "unlink");
  move(at("real"), at("app"));
  EXPECT_THAT(changes(), ElementsAre(1));
}

TEST_F(PinWatchers, SeeThatAFileSystemIsMountedOverTheSourceAndTakenAway) {
  pins_.map(at("app/flows"));
  watch({{1, at("app/flows")}});
  {
    const auto over = Mounted::bpf(at("app"));
    EXPECT_TRUE(wakes(watcher_));
    EXPECT_THAT(changes(), ElementsAre(1));
    HostPins inner;
    inner.map(over.path("flows"));
    EXPECT_THAT(changes(), ElementsAre(1));
  }
  EXPECT_THAT(changes(), ElementsAre(1));
  check(unlink(at("app/flows").c_str()), "unlink");
  EXPECT_THAT(changes(), ElementsAre(1));
}

TEST_F(PinWatchers, SeeThatAPinIsMountedOnThePin) {
  pins_.map(at("app/flows"));
  pins_.map(at("app/other"));
  watch({{1, at("app/flows")}});
  {
    const auto over = Mounted::bind(at("app/other"), at("app/flows"));
    EXPECT_THAT(changes(), ElementsAre(1));
  }
  EXPECT_THAT(changes(), ElementsAre(1));
}

TEST_F(PinWatchers, OutliveTheFileSystemAndSeeTheNext) {
  const std::string place = directory_.make_directory("later");
  watch({{1, place + "/flows"}});
  for (int i = 0; i < 3; ++i) {
    const auto later = Mounted::bpf(place);
    (void)changes();
    HostPins inner;
    inner.map(later.path("flows"));
    EXPECT_THAT(changes(), ElementsAre(1));
    EXPECT_EQ(watcher_.counters(now_).watches, 1U);
  }
  EXPECT_THAT(changes(), ElementsAre(1));
  EXPECT_EQ(watcher_.counters(now_).watches, 0U);
}

TEST_F(PinWatchers, SeeTheMountsOfOneFileSystemEachByItself) {
  pins_.map(at("app/flows"));
  auto second = std::make_optional(Mounted::bind(bpf_.path(), directory_.make_directory("second")));
  watch({{1, at("app/flows")}, {2, second->path("app/flows")}});
  check(unlink(at("app/flows").c_str()), "unlink");
  EXPECT_THAT(changes(), ElementsAre(1, 2));
  second.reset();
  EXPECT_THAT(changes(), ElementsAre(2));
  pins_.map(at("app/flows"));
  EXPECT_THAT(changes(), ElementsAre(1));
}

TEST_F(PinWatchers, FindByThemselvesWhatTheKernelTellsNobody) {
  directory_.make_directory("above/bpf");
  const auto other = Mounted::bpf(directory_.path("above/bpf"));
  HostPins inner;
  inner.map(other.path("flows"));
  watch({{1, other.path("flows")}, {2, directory_.path("moved/bpf/flows")}});
  EXPECT_THAT(changes(), IsEmpty());
  move(directory_.path("above"), directory_.path("moved"));
  (void)changes();
  now_ += std::chrono::seconds(60);
  EXPECT_LE(watcher_.next(), now_);
  EXPECT_THAT(changes(), ElementsAre(1, 2));
  move(directory_.path("moved"), directory_.path("above"));
}

TEST_F(PinWatchers, TellWhatAGlobMatches) {
  pins_.map(at("app/a"));
  watch({{1, at("app"), {any_name()}}, {2, at("app/b")}});
  EXPECT_THAT(changes(), IsEmpty());
  pins_.map(at("app/b"));
  EXPECT_THAT(changes(), ElementsAre(1, 2));
  check(unlink(at("app/a").c_str()), "unlink");
  EXPECT_THAT(changes(), ElementsAre(1));
  pins_.map(at("app/deeper/a"));
  EXPECT_THAT(changes(), ElementsAre(1));
  pins_.map(at("app/deeper/b"));
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(PinWatchers, FollowAGlobIntoDirectoriesThatComeAndGo) {
  pins_.map(at("app/x/flows"));
  watch({{1, at("app"), {any_depth(), exactly("flows")}},
         {2, at("app"), {any_name(), exactly("a")}}});
  pins_.map(at("app/y/z/flows"));
  EXPECT_THAT(changes(), ElementsAre(1, 2));
  pins_.map(at("app/y/z/v/w/flows"));
  EXPECT_THAT(changes(), ElementsAre(1));
  check(unlink(at("app/y/z/v/w/flows").c_str()), "unlink");
  EXPECT_THAT(changes(), ElementsAre(1));
  pins_.map(at("app/x/a"));
  EXPECT_THAT(changes(), ElementsAre(2));
  const size_t before = watcher_.counters(now_).watches;
  move(at("app/y"), at("away"));
  EXPECT_THAT(changes(), ElementsAre(1, 2));
  EXPECT_EQ(watcher_.counters(now_).watches, before - 4);
  pins_.map(at("away/z/v/flows"));
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(PinWatchers, FollowAGlobIntoEveryBpffsThatIsMountedBelow) {
  const std::string devices = directory_.make_directory("devices");
  directory_.make_directory("devices/eth0");
  watch({{1, devices, {any_name(), exactly("flows")}}});
  {
    const auto first = Mounted::bpf(devices + "/eth0");
    EXPECT_THAT(changes(), ElementsAre(1));
    HostPins inner;
    inner.map(first.path("flows"));
    EXPECT_THAT(changes(), ElementsAre(1));
  }
  EXPECT_THAT(changes(), ElementsAre(1));
  EXPECT_EQ(watcher_.counters(now_).watches, 0U);
}

TEST_F(PinWatchers, ChangeWhatTheyWatchWhileTheyRun) {
  pins_.map(at("app/flows"));
  pins_.map(at("other/flows"));
  watch({{1, at("app/flows")}, {2, at("other/flows")}, {3, at("other"), {any_depth()}}});
  const auto before = watcher_.counters(now_);
  EXPECT_EQ(before.sources, 3U);
  EXPECT_EQ(before.watches, 3U);
  watch({{1, at("other/flows")}});
  EXPECT_EQ(watcher_.counters(now_).watches, 2U);
  check(unlink(at("app/flows").c_str()), "unlink");
  EXPECT_THAT(changes(), IsEmpty());
  check(unlink(at("other/flows").c_str()), "unlink");
  watcher_.remove({2, 2, 77});
  EXPECT_THAT(changes(), ElementsAre(1, 3));
  watcher_.remove({1, 3});
  EXPECT_EQ(watcher_.counters(now_).watches, 0U);
  EXPECT_EQ(watcher_.counters(now_).places, 1U);
  pins_.map(at("other/flows"));
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(PinWatchers, DoNotTellOnesThatWereAddedAndOnesThatWere) {
  watch({{1, at("a/flows")}});
  pins_.map(at("a/flows"));
  // The directory of both is found now; the first one has changed since it was added.
  watch({{2, at("a/flows")}});
  EXPECT_THAT(watcher_.take(now_), ElementsAre(1));
}

// Neither on the way nor where the source would be, whatever it is mounted on.
TEST_F(PinWatchers, AskNothingOfAFileSystemThatNeverAnswers) {
  if (!SilentFileSystem::possible()) GTEST_SKIP() << "this kernel has no FUSE here";
  SilentFileSystem silent(directory_.make_directory("silent"));
  silent.fall_silent(SilentFileSystem::Silence::kTaking);
  watch({{1, silent.path() + "/x/flows"},
         {2, silent.path() + "/flows"},
         {3, silent.path(), {any_depth()}},
         {4, directory_.path(), {any_depth(), exactly("flows")}}});
  EXPECT_THAT(changes(), IsEmpty());
  now_ += std::chrono::seconds(60);
  EXPECT_THAT(changes(), IsEmpty());
  EXPECT_EQ(silent.unanswered(), 0U);
  EXPECT_EQ(watcher_.counters(now_).may_wait, 2U);
}

// The bpffs would answer; the way to it would not.
TEST_F(PinWatchers, DoNotGoThroughAFileSystemThatNeverAnswersToABpffsInIt) {
  if (!SilentFileSystem::possible()) GTEST_SKIP() << "this kernel has no FUSE here";
  SilentFileSystem silent(directory_.make_directory("silent"));
  const std::string inner = silent.path() + "/x";
  check(::mount("bpf", inner.c_str(), "bpf", 0, nullptr), "mount " + inner);
  silent.fall_silent(SilentFileSystem::Silence::kTaking);
  watch({{1, inner + "/flows"}});
  EXPECT_THAT(changes(), IsEmpty());
  EXPECT_EQ(silent.unanswered(), 0U);
  EXPECT_EQ(watcher_.counters(now_).may_wait, 2U);
  EXPECT_EQ(watcher_.counters(now_).watches, 0U);
}

TEST_F(PinWatchers, LeaveASourceThatAFileSystemCoversWhichNeverAnswers) {
  if (!SilentFileSystem::possible()) GTEST_SKIP() << "this kernel has no FUSE here";
  pins_.map(at("app/flows"));
  watch({{1, at("app/flows")}});
  {
    SilentFileSystem silent(at("app"));
    silent.fall_silent(SilentFileSystem::Silence::kTaking);
    EXPECT_THAT(changes(), ElementsAre(1));
    EXPECT_EQ(silent.unanswered(), 0U);
    EXPECT_EQ(watcher_.counters(now_).may_wait, 1U);
  }
  EXPECT_THAT(changes(), ElementsAre(1));
}

TEST_F(PinWatchers, LeaveNothingOpen) {
  pins_.map(at("app/flows"));
  watch({{1, at("app/flows")}, {2, at("app"), {any_depth()}}});
  EXPECT_THAT(changes(), IsEmpty());
  // Neither a watch nor a descriptor keeps the file system busy.
  const std::string other = directory_.make_directory("other");
  check(::mount("bpf", other.c_str(), "bpf", 0, nullptr), "mount");
  watch({{3, other + "/flows"}});
  EXPECT_EQ(umount2(other.c_str(), 0), 0) << strerror(errno);
}

}  // namespace
}  // namespace pinscope::test
