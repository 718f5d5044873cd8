// What fanotify says of a mount namespace: the facts on which the watcher of mounts rests.
#include "plugin/kernel/watch/mount_events.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "tests/kernel/watch/mount_space.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using kernel::MountEvents;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class MountEventFacts : public testing::Test {
 protected:
  TempDirectory directory_;
  std::string place_ = directory_.make_directory("place");
  std::string other_ = directory_.make_directory("other");
  std::optional<MountEvents> events_;

  void SetUp() override {
    auto events = MountEvents::open();
    if (!events) GTEST_SKIP() << "Linux 6.15 has it: " << events.error().sentence();
    events_ = *std::move(events);
  }
  static Fd namespace_of(const MountSpace& space) {
    const std::string path = "/proc/" + std::to_string(space.pid()) + "/ns/mnt";
    return Fd(check(open(path.c_str(), O_RDONLY | O_CLOEXEC), "open " + path));
  }
  void watch(const MountSpace& space) {
    const auto watched = events_->watch(namespace_of(space).get());
    ASSERT_TRUE(watched) << watched.error().sentence();
  }
  std::vector<std::string> events() {
    std::vector<std::string> events;
    const auto take = [&](const MountEvents::Event& event) {
      events.push_back(std::string(event.is_attached ? "attached " : "") +
                       (event.is_detached ? "detached " : "") + (event.were_lost ? "lost" : "") +
                       (event.mount != 0 ? "id" : ""));
    };
    while (events_->read(take)) {
    }
    return events;
  }
};

TEST_F(MountEventFacts, MountingUnmountingAndMovingAreSeenWithTheMount) {
  const MountSpace space;
  watch(space);
  ASSERT_TRUE(space.mount("bpf", place_));
  EXPECT_THAT(events(), ElementsAre("attached id"));
  ASSERT_TRUE(space.run(
      [&] { return ::mount(place_.c_str(), other_.c_str(), nullptr, MS_MOVE, nullptr) == 0; }));
  EXPECT_THAT(events(), ElementsAre("attached detached id"));
  ASSERT_TRUE(space.unmount(other_));
  EXPECT_THAT(events(), ElementsAre("detached id"));
}

TEST_F(MountEventFacts, WhatTheHostMountsIsSeenWhereItPropagates) {
  Mounted host = Mounted::tmpfs(directory_.make_directory("host"));
  host.change(MS_SHARED);
  directory_.make_directory("host/volume");
  const MountSpace follower(MountSpace::Kind::kFollower);
  const MountSpace apart;
  watch(follower);
  watch(apart);
  { const auto late = Mounted::bpf(host.path("volume")); }
  EXPECT_THAT(events(), ElementsAre("attached id", "detached id"));
}

TEST_F(MountEventFacts, ANamespaceOfAUserNamespaceIsSeen) {
  const MountSpace space(MountSpace::Kind::kUser);
  watch(space);
  ASSERT_TRUE(space.mount("tmpfs", place_));
  EXPECT_THAT(events(), ElementsAre("attached id"));
}

TEST_F(MountEventFacts, ANamespaceIsNotKeptAndItsEndIsSeen) {
  MountSpace space;
  watch(space);
  space.end();
  struct pollfd asked = {events_->fd(), POLLIN, 0};
  ASSERT_TRUE(wait_until([&] { return poll(&asked, 1, 0) == 1; }));
  EXPECT_THAT(events(), testing::Contains("detached id"));
}

TEST_F(MountEventFacts, NothingIsSeenOfANamespaceThatIsNotWatchedAnyMore) {
  const MountSpace one;
  const MountSpace two;
  watch(one);
  watch(two);
  events_->unwatch(namespace_of(one).get());
  ASSERT_TRUE(one.mount("tmpfs", place_));
  ASSERT_TRUE(two.mount("tmpfs", place_));
  EXPECT_THAT(events(), SizeIs(1));
  events_->unwatch_all();
  ASSERT_TRUE(two.mount("tmpfs", place_));
  EXPECT_THAT(events(), IsEmpty());
}

}  // namespace
}  // namespace pinscope::test
