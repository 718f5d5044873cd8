// Which sources a view follows, by its record alone.
#include "plugin/pipeline/change/followed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope {
namespace {

using model::Missing;
using model::ObjectIdentity;
using model::ObjectKind;
using model::Record;
using testing::ElementsAre;
using testing::IsEmpty;

model::PinnedObject pin(const std::string& name, uint32_t id, bool follow = true) {
  model::PinnedObject pin;
  pin.grant.name = name;
  pin.grant.source = "/sys/fs/bpf/" + name;
  pin.grant.follow = follow;
  pin.object.id = id;
  return pin;
}

model::PinnedObject missing(const std::string& name, Missing word) {
  auto made = pin(name, 0);
  made.grant.missing = word;
  made.skipped = true;
  return made;
}

Record record(std::vector<model::PinnedObject> pins) {
  Record record;
  record.state = Record::State::kApplied;
  record.given.pins = std::move(pins);
  return record;
}

TEST(FollowedBy, AreTheSourcesOfGrantsThatAreFollowedAndWhatTheyNamed) {
  EXPECT_THAT(followed_by(record({pin("b", 7), pin("c", 8, false), pin("a", 9)})),
              ElementsAre(FollowedSource{"/sys/fs/bpf/a", ObjectIdentity{ObjectKind::kMap, 9}},
                          FollowedSource{"/sys/fs/bpf/b", ObjectIdentity{ObjectKind::kMap, 7}}));
}

TEST(FollowedBy, SaysWhatTheViewWaitsFor) {
  EXPECT_THAT(
      followed_by(record({missing("a", Missing::kWait), missing("b", Missing::kSkip)})),
      ElementsAre(FollowedSource{"/sys/fs/bpf/a", {}, true}, FollowedSource{"/sys/fs/bpf/b"}));
}

TEST(FollowedBy, HasGlobsBesideWhatTheyMatched) {
  auto of_globs = record({pin("app/a", 7)});
  of_globs.followed = {{"/sys/fs/bpf/app/*", {}}, {"/sys/fs/bpf/denied", {}}};
  EXPECT_THAT(followed_by(of_globs),
              ElementsAre(FollowedSource{"/sys/fs/bpf/app/*"},
                          FollowedSource{"/sys/fs/bpf/app/a", ObjectIdentity{ObjectKind::kMap, 7}},
                          FollowedSource{"/sys/fs/bpf/denied"}));
}

TEST(FollowedBy, HasASourceOnceWhateverItIsCalled) {
  auto other = pin("a", 7);
  other.grant.name = "b";
  auto twice = record({pin("a", 7), other});
  twice.followed = {{"/sys/fs/bpf/app/*", {}}, {"/sys/fs/bpf/app/*", {}}};
  EXPECT_THAT(followed_by(twice),
              ElementsAre(FollowedSource{"/sys/fs/bpf/a", ObjectIdentity{ObjectKind::kMap, 7}},
                          FollowedSource{"/sys/fs/bpf/app/*"}));
}

TEST(FollowedBy, IsNothingWhereNothingIsFollowedOrTheHookIsStillAtWork) {
  EXPECT_THAT(followed_by(record({pin("a", 7, false)})), IsEmpty());
  auto begun = record({pin("a", 7)});
  begun.state = Record::State::kIntended;
  EXPECT_THAT(followed_by(begun), IsEmpty());
}

}  // namespace
}  // namespace pinscope
