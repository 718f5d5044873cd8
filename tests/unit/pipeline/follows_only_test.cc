// Whether only what is followed makes a view another one: records and decisions made up here.
#include "plugin/pipeline/change/follows_only.h"

#include <gtest/gtest.h>

#include <string>

namespace pinscope {
namespace {

using model::Access;
using model::GrantedPin;
using model::ObjectKind;

GrantedPin grant(const std::string& name, bool follow) {
  GrantedPin grant;
  grant.name = name;
  grant.source = "/sys/fs/bpf/" + name;
  grant.follow = follow;
  return grant;
}

class FollowsOnly : public testing::Test {
 protected:
  FollowsOnly() { restart_.decision.emplace(); }
  void has(const GrantedPin& grant, uint32_t id) {
    record_.given.pins.push_back(
        {.grant = grant, .object = {.kind = ObjectKind::kMap, .id = id}, .skipped = id == 0});
  }
  void would_have(const GrantedPin& grant, uint32_t id) {
    restart_.decision->grants.push_back(grant);
    restart_.left_out.push_back(id == 0 ? LeftOut::kMissing : LeftOut::kNot);
    restart_.objects.emplace_back(model::ObjectInfo{.kind = ObjectKind::kMap, .id = id});
  }
  [[nodiscard]] bool follows_only() const { return pinscope::follows_only(record_, restart_); }

  model::Record record_;
  Restart restart_;
};

TEST_F(FollowsOnly, WhereASourceThatIsFollowedNamesAnotherObject) {
  has(grant("flows", true), 7);
  has(grant("counters", false), 8);
  would_have(grant("flows", true), 9);
  would_have(grant("counters", false), 8);
  EXPECT_TRUE(follows_only());
}

TEST_F(FollowsOnly, WhereItAppearsOrGoes) {
  has(grant("flows", true), 0);
  has(grant("drops", true), 8);
  would_have(grant("flows", true), 9);
  would_have(grant("drops", true), 0);
  EXPECT_TRUE(follows_only());
}

TEST_F(FollowsOnly, NotWhereASourceIsAnotherThatNobodyFollows) {
  has(grant("flows", true), 7);
  has(grant("counters", false), 8);
  would_have(grant("flows", true), 9);
  would_have(grant("counters", false), 10);
  EXPECT_FALSE(follows_only());
}

TEST_F(FollowsOnly, NotWhereAPolicyGivesMore) {
  has(grant("flows", true), 7);
  would_have(grant("flows", true), 9);
  would_have(grant("counters", true), 10);
  EXPECT_FALSE(follows_only());
}

TEST_F(FollowsOnly, NotWhereAPolicyGivesLess) {
  has(grant("flows", true), 7);
  has(grant("counters", true), 8);
  would_have(grant("flows", true), 9);
  EXPECT_FALSE(follows_only());
}

TEST_F(FollowsOnly, NotWhereAPolicyGivesOtherRights) {
  has(grant("flows", true), 7);
  auto wider = grant("flows", true);
  wider.access = Access::kReadWrite;
  would_have(wider, 9);
  EXPECT_FALSE(follows_only());
}

TEST_F(FollowsOnly, NotWhereAPolicyFollowsItFromNowOn) {
  has(grant("flows", false), 7);
  would_have(grant("flows", true), 9);
  EXPECT_FALSE(follows_only());
}

TEST_F(FollowsOnly, NotInAnotherLayout) {
  has(grant("flows", true), 7);
  would_have(grant("flows", true), 9);
  restart_.decision->layout = model::Layout::kPerMap;
  EXPECT_FALSE(follows_only());
}

TEST_F(FollowsOnly, WhereAGlobMatchesOthers) {
  const std::vector<model::FollowedPattern> globs = {{"/sys/fs/bpf/app-*", {}}};
  record_.followed = globs;
  restart_.decision->followed = globs;
  has(grant("app-a", true), 7);
  would_have(grant("app-b", true), 8);
  EXPECT_TRUE(follows_only());

  restart_.decision->followed.clear();
  EXPECT_FALSE(follows_only()) << "the policy has the glob no more";
}

TEST_F(FollowsOnly, NotWhereAGlobGivesOtherRights) {
  const std::vector<model::FollowedPattern> globs = {{"/sys/fs/bpf/app-*", {}}};
  record_.followed = globs;
  restart_.decision->followed = globs;
  has(grant("app-a", true), 7);
  auto wider = grant("app-a", true);
  wider.access = Access::kReadWrite;
  would_have(wider, 7);
  EXPECT_FALSE(follows_only());

  restart_.decision->grants.front() = grant("app-a", true);
  restart_.decision->grants.front().name = "renamed";
  EXPECT_FALSE(follows_only());

  restart_.decision->grants.front() = grant("app-a", true);
  restart_.left_out.front() = LeftOut::kUngrantable;
  restart_.objects.front().reset();
  EXPECT_FALSE(follows_only()) << "it is there, and the policy takes it no more";
}

}  // namespace
}  // namespace pinscope
