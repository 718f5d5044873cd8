// What differs between two lists of grants.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/policy/decide/compare.h"

namespace pinscope::policy {
namespace {

using model::Access;
using model::GrantedPin;
using testing::ElementsAre;
using testing::IsEmpty;

GrantedPin pin(std::string name, Access access = Access::kRead, uint32_t mode = 0440) {
  GrantedPin made;
  made.source = "/sys/fs/bpf/" + name;
  made.name = std::move(name);
  made.access = access;
  made.mode = mode;
  return made;
}

std::vector<std::string> changes(const std::vector<GrantedPin>& before,
                                 const std::vector<GrantedPin>& after) {
  std::vector<std::string> texts;
  for (const auto& compared : compare_grants(before, after)) {
    EXPECT_EQ(compared.before.has_value(), compared.change != GrantChange::kGained);
    EXPECT_EQ(compared.after.has_value(), compared.change != GrantChange::kLost);
    texts.push_back(std::string(name_of(compared.change)) + " " +
                    (compared.after ? compared.after : compared.before)->name);
  }
  return texts;
}

std::string change(const GrantedPin& before, const GrantedPin& after) {
  const auto compared = compare_grants({before}, {after});
  EXPECT_EQ(compared.size(), 1U);
  return compared.empty() ? "" : name_of(compared.front().change);
}

TEST(CompareGrants, FindsNothingInNothing) {
  EXPECT_THAT(changes({}, {}), IsEmpty());
}

TEST(CompareGrants, NamesWhatIsGainedAndLost) {
  EXPECT_THAT(changes({}, {pin("a")}), ElementsAre("gained a"));
  EXPECT_THAT(changes({pin("a")}, {}), ElementsAre("lost a"));
}

TEST(CompareGrants, PutsWidenedAccessFirstAndWhatIsTheSameLast) {
  EXPECT_THAT(changes({pin("a"), pin("b", Access::kReadWrite), pin("c"), pin("d")},
                      {pin("a"), pin("b"), pin("d", Access::kReadWrite), pin("e")}),
              ElementsAre("widened d", "gained e", "narrowed b", "lost c", "same a"));
}

TEST(CompareGrants, OrdersOneKindOfChangeByName) {
  EXPECT_THAT(changes({}, {pin("b"), pin("a"), pin("c")}),
              ElementsAre("gained a", "gained b", "gained c"));
}

TEST(CompareGrants, CallsAnotherKindOfAccessWider) {
  EXPECT_EQ(change(pin("a"), pin("a", Access::kUse)), "widened");
  EXPECT_EQ(change(pin("a", Access::kUse), pin("a")), "narrowed");
  EXPECT_EQ(change(pin("a", Access::kUse), pin("a", Access::kReadWrite)), "widened");
  EXPECT_EQ(change(pin("a", Access::kReadWrite), pin("a", Access::kUse)), "widened");
}

TEST(CompareGrants, KnowsWhichModeIsWider) {
  EXPECT_EQ(change(pin("a"), pin("a", Access::kRead, 0444)), "widened");
  EXPECT_EQ(change(pin("a", Access::kRead, 0444), pin("a")), "narrowed");
  // Owner gains, group loses.
  EXPECT_EQ(change(pin("a", Access::kRead, 0440), pin("a", Access::kRead, 0600)), "widened");
}

TEST(CompareGrants, CallsAWiderModeOfANarrowerAccessWider) {
  EXPECT_EQ(change(pin("a", Access::kReadWrite, 0440), pin("a", Access::kRead, 0444)), "widened");
}

TEST(CompareGrants, CallsAnotherOwnerWiderUnlessEverybodyMayOpenItAnyway) {
  auto of_user = pin("a");
  of_user.uid = 1000;
  EXPECT_EQ(change(pin("a"), of_user), "widened");
  auto of_group = pin("a");
  of_group.gid = 1000;
  EXPECT_EQ(change(pin("a"), of_group), "widened");
  auto everybodys = pin("a", Access::kRead, 0444);
  everybodys.uid = 1000;
  EXPECT_EQ(change(pin("a", Access::kRead, 0444), everybodys), "changed");
  // Nobody is left who may open it.
  auto nobodys = pin("a", Access::kRead, 0);
  nobodys.uid = 1000;
  EXPECT_EQ(change(pin("a"), nobodys), "narrowed");
}

TEST(CompareGrants, SeesThatOnePinIsCalledOtherwise) {
  auto renamed = pin("a");
  renamed.name = "b";
  EXPECT_THAT(changes({pin("a")}, {renamed}), ElementsAre("changed b"));
  renamed.access = Access::kReadWrite;
  EXPECT_THAT(changes({pin("a")}, {renamed}), ElementsAre("widened b"));
}

TEST(CompareGrants, PrefersTheSameNameWhereOnePinHasSeveral) {
  auto second = pin("a");
  second.name = "second";
  second.access = Access::kReadWrite;
  EXPECT_THAT(changes({pin("a"), second}, {pin("a")}), ElementsAre("lost second", "same a"));
}

TEST(CompareGrants, CallsAnotherSourceUnderOneNameLostAndGained) {
  auto other = pin("a");
  other.source = "/sys/fs/bpf/secret";
  EXPECT_THAT(changes({pin("a")}, {other}), ElementsAre("gained a", "lost a"));
}

TEST(CompareGrants, SeesOtherExpectationsAndWhatHappensIfItIsMissing) {
  auto after = pin("a");
  after.expect.key_size = 4;
  EXPECT_EQ(change(pin("a"), after), "changed");
  after = pin("a");
  after.missing = model::Missing::kSkip;
  EXPECT_EQ(change(pin("a"), after), "changed");
}

TEST(CompareGrants, DoesNotCompareRulesAndObjects) {
  auto after = pin("a");
  after.rule = {"other", {"other.yaml", 3, 5}};
  after.object = model::ObjectIdentity{model::ObjectKind::kMap, 7};
  after.is_match = true;
  EXPECT_EQ(change(pin("a"), after), "same");
}

}  // namespace
}  // namespace pinscope::policy
