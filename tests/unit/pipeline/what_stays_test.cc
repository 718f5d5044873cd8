// What a container keeps in the place of what its policies would give it: records and decisions
// made up here.
#include "plugin/pipeline/change/what_stays.h"

#include <gtest/gtest.h>

#include <string>

namespace pinscope {
namespace {

using model::Access;
using model::GrantedPin;
using model::ObjectKind;
using Kind = model::Exception::Kind;

GrantedPin grant(const std::string& name, bool follow) {
  GrantedPin grant;
  grant.name = name;
  grant.source = "/sys/fs/bpf/" + name;
  grant.follow = follow;
  return grant;
}

GrantedPin writable(const std::string& name) {
  GrantedPin written = grant(name, false);
  written.access = Access::kReadWrite;
  return written;
}

std::string names(const Kept& kept) {
  std::string names;
  for (const auto& grant : kept.restart.decision->grants)
    names += (names.empty() ? "" : " ") + grant.name;
  return names;
}

class WhatStays : public testing::Test {
 protected:
  WhatStays() { restart_.decision.emplace(); }
  void has(const GrantedPin& grant, uint32_t id) {
    record_.given.pins.push_back(
        {.grant = grant, .object = {.kind = ObjectKind::kMap, .id = id}, .skipped = id == 0});
  }
  void was_taken(const GrantedPin& grant, const model::Rule& rule) {
    record_.given.refusals.push_back({grant.source, grant.name, {}, rule, "", grant});
  }
  void would_have(const GrantedPin& grant, uint32_t id) {
    restart_.decision->grants.push_back(grant);
    restart_.left_out.push_back(id == 0 ? LeftOut::kMissing : LeftOut::kNot);
    restart_.objects.emplace_back(model::ObjectInfo{.kind = ObjectKind::kMap, .id = id});
  }

  static model::Exception exception(uint32_t number, Kind kind, const std::string& pin) {
    model::Exception one{
        .kind = kind, .pin = pin, .object = {}, .name = {}, .by = {}, .reason = {}};
    one.number = number;
    return one;
  }
  // The rule of an exception that has run out.
  model::Rule over(uint32_t number, Kind kind) {
    const auto one = exception(number, kind, "");
    exceptions_.changes.push_back({model::ExceptionChange::What::kRanOut, one});
    return rule_of(one);
  }
  // And of one that was made.
  model::Rule in_force(uint32_t number, Kind kind, const std::string& pin = "") {
    const auto one = exception(number, kind, pin);
    exceptions_.changes.push_back({model::ExceptionChange::What::kMade, one});
    exceptions_.all.push_back(one);
    return rule_of(one);
  }
  [[nodiscard]] std::optional<Kept> stays(Giving giving = Giving::kByPolicy) const {
    return what_stays(record_, restart_, exceptions_, giving);
  }

  model::Record record_;
  Restart restart_;
  PlannedExceptions exceptions_;
};

TEST_F(WhatStays, IsOpenToWhatItsSourceNamesAndTheRestIsNot) {
  has(grant("flows", true), 7);
  has(grant("counters", false), 8);
  would_have(grant("flows", true), 9);
  would_have(grant("more", true), 10);
  const auto kept = stays();
  ASSERT_TRUE(kept);
  const auto& grants = kept->restart.decision->grants;
  ASSERT_EQ(grants.size(), 2U);
  EXPECT_EQ(grants[0].name, "counters");
  EXPECT_EQ(grants[0].object, (model::ObjectIdentity{ObjectKind::kMap, 8}));
  EXPECT_EQ(grants[1].name, "flows");
  EXPECT_FALSE(grants[1].object);
}

TEST_F(WhatStays, IsOnlyWhatIsGivenStillWithNoLessRights) {
  auto written = grant("flows", true);
  written.access = Access::kReadWrite;
  has(written, 7);
  has(grant("counters", true), 8);
  would_have(grant("flows", true), 9);
  EXPECT_FALSE(stays());
  would_have(grant("counters", true), 10);
  const auto kept = stays();
  ASSERT_TRUE(kept);
  EXPECT_FALSE(kept->restart.decision->grants[0].object);
  EXPECT_EQ(kept->restart.decision->grants[1].object, (model::ObjectIdentity{ObjectKind::kMap, 7}));
}

// What was compared with what is denied is what is opened.
TEST_F(WhatStays, KeepsTheObjectThatWasCompared) {
  has(grant("flows", true), 7);
  auto compared = grant("flows", true);
  compared.object = {ObjectKind::kMap, 9};
  would_have(compared, 9);
  const auto kept = stays();
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->restart.decision->grants[0].object, compared.object);
}

TEST_F(WhatStays, KeepsWhatIsLeftOutAbsent) {
  has(grant("flows", true), 7);
  has(grant("counters", false), 0);
  would_have(grant("flows", true), 9);
  would_have(grant("counters", false), 0);
  const auto kept = stays();
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->grants.size(), 2U);
  EXPECT_TRUE(kept->grants[0].stays_out);
  EXPECT_FALSE(kept->grants[1].stays_out);
}

// What an exception gave or took, with its rule.
TEST_F(WhatStays, IsWithoutWhatExceptionsGaveAndWithWhatTheyTook) {
  auto lent = grant("lent", false);
  lent.rule = over(1, Kind::kGrant);
  has(lent, 7);
  was_taken(grant("flows", false), over(2, Kind::kRevoke));
  would_have(grant("flows", false), 8);
  would_have(grant("more", false), 9);
  const auto kept = stays();
  ASSERT_TRUE(kept);
  EXPECT_EQ(names(*kept), "flows");
  EXPECT_TRUE(kept->restart.decision->refusals.empty());
}

TEST_F(WhatStays, GivesBackWhatThereWasAndNotMore) {
  was_taken(grant("flows", false), over(1, Kind::kRevoke));
  would_have(writable("flows"), 8);
  auto kept = stays();
  ASSERT_EQ(names(*kept), "flows");
  EXPECT_EQ(kept->restart.decision->grants[0].access, Access::kRead);

  record_.given.refusals.clear();
  was_taken(writable("flows"), over(1, Kind::kRevoke));
  restart_.decision->grants = {grant("flows", false)};
  EXPECT_EQ(names(*stays()), "") << "the policies give less by now";

  record_.given.refusals.front().grant.reset();
  EXPECT_EQ(names(*stays()), "") << "nobody knows what it was";
}

TEST_F(WhatStays, GivesBackNothingThatAnotherRevocationCovers) {
  was_taken(grant("flows", false), over(1, Kind::kRevoke));
  const auto other = in_force(2, Kind::kRevoke, model::kEveryPin);
  would_have(grant("flows", false), 8);
  const auto kept = stays();
  EXPECT_EQ(names(*kept), "");
  ASSERT_EQ(kept->restart.decision->refusals.size(), 1U);
  EXPECT_EQ(kept->restart.decision->refusals[0].denied_by, other);
  EXPECT_TRUE(kept->restart.decision->refusals[0].grant) << "for when that is over, too";
}

TEST_F(WhatStays, GivesNothingWhereThereIsNoStartAndRemembersIt) {
  has(grant("flows", true), 7);
  was_taken(grant("counters", false), over(1, Kind::kRevoke));
  would_have(grant("flows", true), 9);
  would_have(grant("counters", false), 8);
  const auto kept = stays(Giving::kNothing);
  EXPECT_EQ(names(*kept), "flows");
  EXPECT_EQ(kept->restart.decision->grants[0].object, (model::ObjectIdentity{ObjectKind::kMap, 7}));
  EXPECT_FALSE(kept->grants[0].given_now) << "another object is not judged";
  EXPECT_EQ(kept->restart.decision->refusals.size(), 1U);

  restart_.decision.reset();
  EXPECT_EQ(names(*stays(Giving::kNothing)), "flows") << "policies that disagree";
}

TEST_F(WhatStays, TakesARevokedObjectUnderEachOfItsNames) {
  has(grant("flows", false), 7);
  has(grant("again", false), 7);
  has(grant("counters", false), 8);
  const auto rule = in_force(1, Kind::kRevoke, "/sys/fs/bpf/flows");
  for (const auto& pin : record_.given.pins) would_have(pin.grant, pin.object.id);
  const auto kept = stays();
  EXPECT_EQ(names(*kept), "counters");
  ASSERT_EQ(kept->restart.decision->refusals.size(), 2U);
  EXPECT_EQ(kept->restart.decision->refusals[0].denied_by, rule);
  auto taken = grant("flows", false);
  taken.object = {ObjectKind::kMap, 7};
  EXPECT_EQ(kept->restart.decision->refusals[0].grant, taken);
}

TEST_F(WhatStays, TakesWhatIsTheRevokedObjectByNow) {
  has(grant("again", false), 7);
  const auto rule = in_force(1, Kind::kRevoke, "/sys/fs/bpf/flows");
  restart_.decision->refusals = {{"/sys/fs/bpf/again", "again", {}, rule, "/sys/fs/bpf/flows"}};
  EXPECT_EQ(names(*stays()), "");
}

TEST_F(WhatStays, BecomesThePolicysOwnAgainAndNotMore) {
  auto widened = writable("flows");
  widened.rule = over(1, Kind::kGrant);
  has(widened, 7);
  would_have(grant("flows", false), 7);
  auto kept = stays();
  ASSERT_EQ(names(*kept), "flows");
  EXPECT_EQ(kept->restart.decision->grants[0].access, Access::kRead);
  EXPECT_EQ(kept->restart.decision->grants[0].object, (model::ObjectIdentity{ObjectKind::kMap, 7}));
  EXPECT_EQ(names(*stays(Giving::kNothing)), "flows");

  record_.layout = model::Layout::kBind;
  EXPECT_EQ(names(*stays()), "") << "which cannot be for reading alone";

  record_.layout = model::Layout::kShared;
  record_.given.pins.front().grant.access = Access::kRead;
  restart_.decision->grants = {writable("flows")};
  EXPECT_EQ(names(*stays()), "") << "that was never given";
}

// What a revocation took was lent: of that the policy's own comes back.
TEST_F(WhatStays, GivesBackThePolicysOwnOfWhatWasLent) {
  auto lent = writable("flows");
  lent.rule = over(1, Kind::kGrant);
  was_taken(lent, over(2, Kind::kRevoke));
  record_.given.refusals.front().granted_by = lent.rule;
  would_have(grant("flows", false), 8);
  const auto kept = stays();
  ASSERT_EQ(names(*kept), "flows");
  EXPECT_EQ(kept->restart.decision->grants[0].access, Access::kRead);
}

TEST_F(WhatStays, GivesBackNothingWhoseObjectIsRevoked) {
  auto taken = grant("flows", false);
  taken.object = {ObjectKind::kMap, 8};
  was_taken(taken, over(1, Kind::kRevoke));
  in_force(2, Kind::kRevoke);
  exceptions_.all.back().object = {ObjectKind::kMap, 8};
  would_have(grant("flows", false), 8);
  EXPECT_EQ(names(*stays()), "");
}

TEST_F(WhatStays, HasNothingForReadingThatCanBeWritten) {
  record_.layout = model::Layout::kBind;
  auto lent = writable("lent");
  lent.rule = in_force(1, Kind::kGrant);
  has(lent, 7);
  auto less = grant("lent", false);
  less.rule = lent.rule;
  would_have(less, 7);
  EXPECT_EQ(names(*stays()), "");
}

TEST_F(WhatStays, HasWhatAGrantGives) {
  has(grant("flows", false), 7);
  auto lent = grant("lent", false);
  lent.rule = in_force(1, Kind::kGrant);
  would_have(grant("flows", false), 7);
  would_have(lent, 9);
  would_have(grant("more", false), 10);
  EXPECT_EQ(names(*stays()), "flows lent");
  EXPECT_EQ(names(*stays(Giving::kNothing)), "flows");
}

TEST_F(WhatStays, HasWhatAGrantWidens) {
  has(grant("flows", false), 7);
  auto widened = writable("flows");
  widened.rule = in_force(1, Kind::kGrant);
  would_have(widened, 7);
  const auto kept = stays();
  ASSERT_EQ(names(*kept), "flows");
  EXPECT_EQ(kept->restart.decision->grants[0].access, Access::kReadWrite);
  EXPECT_EQ(kept->restart.decision->grants[0].rule, widened.rule);
}

TEST_F(WhatStays, HasNothingInThePlaceOfWhatIsThere) {
  has(grant("flows", false), 7);
  auto other = grant("flows", false);
  other.source = "/sys/fs/bpf/other";
  other.rule = in_force(1, Kind::kGrant);
  would_have(other, 9);
  const auto kept = stays();
  ASSERT_EQ(names(*kept), "flows");
  EXPECT_EQ(kept->restart.decision->grants[0].source, "/sys/fs/bpf/flows");
}

TEST_F(WhatStays, KeepsTheViewInItsPlace) {
  record_.at = "/run/bpf";
  record_.layout = model::Layout::kBind;
  has(grant("flows", true), 7);
  would_have(grant("flows", true), 9);
  const auto kept = stays();
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->restart.decision->at, "/run/bpf");
  EXPECT_EQ(kept->restart.decision->layout, model::Layout::kBind);
}

}  // namespace
}  // namespace pinscope
