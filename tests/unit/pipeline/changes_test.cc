// What would change in a view: its record beside a decision, both made up here.
#include "plugin/pipeline/change/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope {
namespace {

using model::Access;
using model::GrantedPin;
using model::ObjectKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const model::Rule kRule{"web", {"web.yaml", 11, 7}};

GrantedPin grant(const std::string& name, Access access = Access::kRead) {
  GrantedPin grant;
  grant.name = name;
  grant.source = "/sys/fs/bpf/" + name;
  grant.access = access;
  grant.rule = kRule;
  return grant;
}

class ChangesOf : public testing::Test {
 protected:
  ChangesOf() {
    record_.given.selected_by = {kRule};
    record_.at = model::kDefaultViewAt;
    restart_.decision.emplace().selected_by = {kRule};
  }
  void has(const GrantedPin& grant, uint32_t id) {
    record_.given.pins.push_back(
        {.grant = grant, .object = {.kind = ObjectKind::kMap, .id = id}, .skipped = false});
  }
  void would_have(const GrantedPin& grant, uint32_t id, LeftOut left_out = LeftOut::kNot) {
    restart_.decision->grants.push_back(grant);
    restart_.left_out.push_back(left_out);
    restart_.objects.emplace_back(model::ObjectInfo{.kind = ObjectKind::kMap, .id = id});
  }
  std::vector<std::string> texts() {
    std::vector<std::string> texts;
    for (const auto& change : changes_of(record_, restart_).made)
      texts.push_back(std::string(name_of(change.kind)) + " " + change.text);
    return texts;
  }

  model::Record record_;
  Restart restart_;
};

TEST_F(ChangesOf, AreNoneWhereNothingIsDifferent) {
  has(grant("flows"), 7);
  would_have(grant("flows"), 7);
  const auto changes = changes_of(record_, restart_);
  EXPECT_THAT(changes.made, IsEmpty());
  EXPECT_THAT(changes.left, IsEmpty());
  EXPECT_THAT(changes.lost, IsEmpty());
}

// The record says what is followed, so that it has to be written anew.
TEST_F(ChangesOf, SayThatAGrantIsFollowedByNow) {
  auto followed = grant("flows");
  followed.follow = true;
  has(grant("flows"), 7);
  would_have(followed, 7);
  EXPECT_THAT(texts(), ElementsAre("changed \"flows\": not followed becomes followed"));
}

TEST_F(ChangesOf, NameEveryGrant) {
  has(grant("flows"), 7);
  has(grant("counters", Access::kReadWrite), 8);
  has(grant("old"), 9);
  would_have(grant("flows", Access::kReadWrite), 7);
  would_have(grant("counters"), 8);
  would_have(grant("new"), 10);
  EXPECT_THAT(texts(),
              testing::UnorderedElementsAre("widened \"flows\": read becomes read-write",
                                            "narrowed \"counters\": read-write becomes read",
                                            "removed \"old\": read of \"/sys/fs/bpf/old\"",
                                            "added \"new\": read of \"/sys/fs/bpf/new\""));
}

TEST_F(ChangesOf, SeeAnotherObjectAtTheSamePath) {
  has(grant("flows"), 7);
  would_have(grant("flows"), 12);
  EXPECT_THAT(texts(), ElementsAre("replaced \"flows\": map 7 becomes map 12"));
  EXPECT_THAT(changes_of(record_, restart_).lost,
              ElementsAre(LostRight{{ObjectKind::kMap, 7}, "flows", false}));
}

TEST_F(ChangesOf, GiveNothingOfWhatIsLeftOut) {
  has(grant("flows"), 7);
  would_have(grant("flows"), 7);
  would_have(grant("gone"), 0, LeftOut::kMissing);
  EXPECT_THAT(texts(), IsEmpty());
}

TEST_F(ChangesOf, TellOfValues) {
  auto shown = grant("flows");
  shown.values = model::Values();
  auto alone = grant("counters");
  alone.values = model::Values();
  alone.pin = false;
  has(shown, 7);
  has(alone, 8);
  would_have(shown, 7);
  would_have(alone, 8);
  EXPECT_THAT(texts(), IsEmpty());
  EXPECT_FALSE(changes_of(record_, restart_).of_values);
  restart_.decision->grants.back().values.reset();
  restart_.decision->grants.back().pin = true;
  EXPECT_THAT(texts(), ElementsAre("added \"counters\": read of \"/sys/fs/bpf/counters\"",
                                   "removed the values of \"counters\""));
  EXPECT_TRUE(changes_of(record_, restart_).of_values);
}

// The values are those of the map that was there.
TEST_F(ChangesOf, TellOfTheValuesOfAnotherMap) {
  auto shown = grant("flows");
  shown.values = model::Values();
  shown.pin = false;
  has(shown, 7);
  would_have(shown, 12);
  EXPECT_THAT(texts(), ElementsAre("replaced the values of \"flows\": map 7 becomes map 12"));
  restart_.objects.back()->id = 7;
  restart_.decision->grants.back().values->list = 3;
  EXPECT_THAT(texts(), ElementsAre("changed the values of \"flows\": 0:0 0000, json, 10000 listed, "
                                   "0 ms old becomes 0:0 0000, json, 3 listed, 0 ms old"));
  restart_.decision->grants.clear();
  restart_.objects.clear();
  restart_.left_out.clear();
  EXPECT_THAT(texts(), ElementsAre("removed the values of \"flows\""));
  EXPECT_TRUE(changes_of(record_, restart_).to_nothing);
}

// Not by names: an object may be granted under another one.
TEST_F(ChangesOf, LoseARightToAnObject) {
  has(grant("flows", Access::kReadWrite), 7);
  has(grant("counters"), 8);
  would_have(grant("flows"), 7);
  would_have(grant("elsewhere"), 8);
  EXPECT_THAT(changes_of(record_, restart_).lost,
              ElementsAre(LostRight{{ObjectKind::kMap, 7}, "flows", true}));
}

TEST_F(ChangesOf, SayThatNothingIsLeft) {
  has(grant("flows"), 7);
  EXPECT_TRUE(changes_of(record_, restart_).to_nothing);
  restart_.decision->selected_by.clear();
  EXPECT_TRUE(changes_of(record_, restart_).to_nothing);
  record_.given.pins.clear();
  EXPECT_FALSE(changes_of(record_, restart_).to_nothing);
}

TEST_F(ChangesOf, LeaveWhatIsDecidedAtAStart) {
  auto& has_tokens = record_.given.delegation.emplace();
  has_tokens.rules = {kRule};
  EXPECT_THAT(changes_of(record_, restart_).left,
              testing::Contains(HasSubstr("tokens cannot be taken back")));
  record_.given.delegation.reset();
  restart_.decision->at = "/run/bpf";
  EXPECT_THAT(changes_of(record_, restart_).left,
              ElementsAre("its view is at \"/sys/fs/bpf\", and would be at \"/run/bpf\"; start the "
                          "container anew"));
}

}  // namespace
}  // namespace pinscope
