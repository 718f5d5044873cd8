// What inotify says of a bpffs, and what it does not: the facts on which the watcher of pins rests.
#include "plugin/kernel/watch/inotify.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using kernel::Inotify;
using testing::ElementsAre;
using testing::IsEmpty;

class InotifyFacts : public testing::Test {
 protected:
  TempDirectory directory_;
  Mounted bpf_ = Mounted::bpf(directory_.make_directory("bpf"));
  HostPins pins_;
  Inotify inotify_ = std::move(Inotify::open()).value();

  void SetUp() override {
    check(mkdir(bpf_.path("app").c_str(), 0755), "mkdir");
    watch(bpf_.path("app"));
  }
  int watch(const std::string& path) {
    const Fd fd(check(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "open " + path));
    return std::move(inotify_.watch(fd.get())).value();
  }
  [[nodiscard]] std::string at(const std::string& name) const { return bpf_.path("app/" + name); }
  std::vector<std::string> events() const {
    std::vector<std::string> events;
    const auto take = [&](const Inotify::Event& event) {
      const std::pair<uint32_t, const char*> words[] = {
          {IN_CREATE, "create "},       {IN_DELETE, "delete "},     {IN_MOVED_FROM, "from "},
          {IN_MOVED_TO, "to "},         {IN_UNMOUNT, "unmounted "}, {IN_IGNORED, "ended "},
          {IN_Q_OVERFLOW, "overflow "}, {IN_ISDIR, "directory "}};
      std::string text;
      for (const auto& [mask, word] : words)
        if ((event.mask & mask) != 0) text += word;
      events.push_back(text + std::string(event.name));
    };
    while (inotify_.read(take)) {
    }
    return events;
  }
};

TEST_F(InotifyFacts, PinningRemovingAndRenamingAreSeen) {
  pins_.map(at("flows"));
  EXPECT_THAT(events(), ElementsAre("create flows"));
  pins_.map(at("new"));
  check(rename(at("new").c_str(), at("flows").c_str()), "rename");
  EXPECT_THAT(events(), ElementsAre("create new", "from new", "to flows"));
  check(link(at("flows").c_str(), at("linked").c_str()), "link");
  EXPECT_THAT(events(), ElementsAre("create linked"));
  check(rename(at("flows").c_str(), bpf_.path("flows").c_str()), "rename");
  EXPECT_THAT(events(), ElementsAre("from flows"));
  check(rename(bpf_.path("flows").c_str(), at("flows").c_str()), "rename");
  EXPECT_THAT(events(), ElementsAre("to flows"));
  check(unlink(at("linked").c_str()), "unlink");
  EXPECT_THAT(events(), ElementsAre("delete linked"));
}

TEST_F(InotifyFacts, DirectoriesAndLinksAreSeen) {
  check(mkdir(at("sub").c_str(), 0755), "mkdir");
  check(rename(at("sub").c_str(), at("other").c_str()), "rename");
  check(rmdir(at("other").c_str()), "rmdir");
  check(symlink("x", at("link").c_str()), "symlink");
  EXPECT_THAT(events(), ElementsAre("create directory sub", "from directory sub",
                                    "to directory other", "delete directory other", "create link"));
}

TEST_F(InotifyFacts, ExchangingTwoPinsIsSeenOfBoth) {
  pins_.map(at("a"));
  pins_.map(at("b"));
  (void)events();
  check(renameat2(AT_FDCWD, at("a").c_str(), AT_FDCWD, at("b").c_str(), RENAME_EXCHANGE),
        "renameat2");
  EXPECT_THAT(events(), ElementsAre("from a", "to b", "from b", "to a"));
}

TEST_F(InotifyFacts, OpeningAPinIsNotSeen) {
  pins_.map(at("flows"));
  (void)events();
  EXPECT_TRUE(open_pin(at("flows")).valid());
  set_value(at("flows"), 1, 2);
  EXPECT_THAT(events(), IsEmpty());
}

TEST_F(InotifyFacts, MountingOverADirectoryIsNotSeenAndUnmountingOneMountOfTwoIsNot) {
  { const auto over = Mounted::bpf(bpf_.path("app")); }
  check(mkdir(at("sub").c_str(), 0755), "mkdir");
  (void)events();
  { const auto over = Mounted::bpf(at("sub")); }
  { const auto second = Mounted::bind(bpf_.path(), directory_.make_directory("second")); }
  EXPECT_THAT(events(), IsEmpty());
}

TEST_F(InotifyFacts, AWatchEndsWithTheLastMount) {
  const std::string path = directory_.make_directory("other");
  {
    const auto other = Mounted::bpf(path);
    watch(path);
  }
  EXPECT_THAT(events(), ElementsAre("unmounted directory ", "ended "));
}

TEST_F(InotifyFacts, AWatchEndsWithTheDirectory) {
  check(mkdir(at("sub").c_str(), 0755), "mkdir");
  watch(at("sub"));
  check(rmdir(at("sub").c_str()), "rmdir");
  EXPECT_THAT(events(), ElementsAre("create directory sub", "ended ", "delete directory sub"));
}

TEST_F(InotifyFacts, OneDirectoryHasOneWatchWhereverItIsMounted) {
  const auto second = Mounted::bind(bpf_.path(), directory_.make_directory("second"));
  EXPECT_EQ(watch(bpf_.path("app")), watch(second.path("app")));
}

TEST_F(InotifyFacts, ChangesOfADirectoryAreInItsTimes) {
  const auto time = [&] {
    struct stat status {};
    check(stat(bpf_.path("app").c_str(), &status), "stat");
    return nanoseconds_of(status.st_ctim);
  };
  // The clock of files ticks; whoever compares has to wait for that.
  const auto differs_after = [&](const auto& change) {
    const auto before = time();
    EXPECT_TRUE(wait_until([&] { return read_clock_ns(CLOCK_REALTIME_COARSE) > before; }));
    change();
    return time() != before;
  };
  EXPECT_TRUE(differs_after([&] { pins_.map(at("a")); }));
  EXPECT_TRUE(differs_after([&] { check(rename(at("a").c_str(), at("b").c_str()), "rename"); }));
  EXPECT_TRUE(differs_after([&] { check(link(at("b").c_str(), at("a").c_str()), "link"); }));
  EXPECT_TRUE(differs_after([&] { check(unlink(at("b").c_str()), "unlink"); }));
}

// mountinfo of a process, which tells what inotify does not.
TEST_F(InotifyFacts, TheMountTableTellsEachReaderOnceThatItHasChanged) {
  const Fd one(check(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC), "open"));
  const Fd two(check(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC), "open"));
  const auto tells = [](const Fd& table) {
    struct pollfd asked = {table.get(), POLLPRI, 0};
    return check(poll(&asked, 1, 0), "poll") == 1;
  };
  EXPECT_FALSE(tells(one));
  {
    const auto over = Mounted::bpf(bpf_.path("app"));
    EXPECT_TRUE(tells(one));
    EXPECT_FALSE(tells(one));
    EXPECT_TRUE(tells(two));
  }
  EXPECT_TRUE(tells(one));
}

}  // namespace
}  // namespace pinscope::test
