// Sources by their numbers, and who follows them: without files and records.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/follow/containers.h"

namespace pinscope::follow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class FollowedSources : public testing::Test {
 protected:
  Sources::Change set(const std::string& follower, const std::set<model::Pattern>& sources) {
    Sources::Change change;
    is_different_ = sources_.set(follower, sources, change);
    return change;
  }

  Sources sources_;
  bool is_different_ = false;
};

TEST_F(FollowedSources, AreWatchedOnceForAllThatFollowThem) {
  const auto first = set("a", {"/sys/fs/bpf/flows", "/sys/fs/bpf/drops"});
  ASSERT_THAT(first.added, SizeIs(2));
  EXPECT_EQ(first.added[1].path, "/sys/fs/bpf/flows");
  EXPECT_TRUE(is_different_);
  const auto second = set("b", {"/sys/fs/bpf/flows"});
  EXPECT_THAT(second.added, IsEmpty());
  EXPECT_THAT(sources_.followers_of(first.added[1].id), ElementsAre("a", "b"));
  EXPECT_EQ(sources_.size(), 2U);
}

TEST_F(FollowedSources, AreWatchedAsLongAsSomebodyFollowsThem) {
  const auto id = set("a", {"/sys/fs/bpf/flows"}).added.at(0).id;
  set("b", {"/sys/fs/bpf/flows"});
  EXPECT_THAT(set("a", {}).removed, IsEmpty());
  EXPECT_THAT(sources_.followers_of(id), ElementsAre("b"));
  EXPECT_THAT(set("b", {}).removed, ElementsAre(id));
  EXPECT_THAT(sources_.followers_of(id), IsEmpty());
  EXPECT_EQ(sources_.size(), 0U);
}

TEST_F(FollowedSources, ThatStayAreLeftAlone) {
  const auto id = set("a", {"/sys/fs/bpf/flows"}).added.at(0).id;
  const auto same = set("a", {"/sys/fs/bpf/flows"});
  EXPECT_FALSE(is_different_);
  EXPECT_THAT(same.added, IsEmpty());
  EXPECT_THAT(same.removed, IsEmpty());
  const auto other = set("a", {"/sys/fs/bpf/drops"});
  EXPECT_TRUE(is_different_);
  EXPECT_THAT(other.removed, ElementsAre(id));
  EXPECT_NE(other.added.at(0).id, id) << "a number that somebody may still have heard of";
}

TEST_F(FollowedSources, ThatComeAndGoInOneLookAreNeverWatched) {
  Sources::Change change;
  sources_.set("a", {"/sys/fs/bpf/flows"}, change);
  sources_.set("a", {}, change);
  EXPECT_THAT(change.added, IsEmpty());
  EXPECT_THAT(change.removed, IsEmpty());
}

TEST_F(FollowedSources, OfGlobsBeginWhereTheirPatternsDo) {
  const auto change = set("a", {"/sys/fs/bpf/agent/*/map?"});
  ASSERT_THAT(change.added, SizeIs(1));
  EXPECT_EQ(change.added[0].path, "/sys/fs/bpf/agent");
  EXPECT_THAT(change.added[0].below, SizeIs(2));
}

}  // namespace
}  // namespace pinscope::follow
